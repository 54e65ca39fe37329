# Verifies tokens with python-jose: one JSON object a line in, one out.
import base64, json, sys
from jose import jwt
for line in sys.stdin:
    ask = json.loads(line)
    try:
        jwt.decode(ask["token"], base64.b64decode(ask["secret"]), algorithms=["HS256"])
        out = {"ok": True}
    except Exception as e:
        out = {"name": type(e).__module__ + "." + type(e).__name__, "text": str(e)}
    print(json.dumps(out), flush=True)
