# Verifies tokens with Authlib: one JSON object a line in, one out.
import base64, json, sys
from authlib.jose import JsonWebToken
verifier = JsonWebToken(["HS256"])
for line in sys.stdin:
    ask = json.loads(line)
    try:
        verifier.decode(ask["token"], base64.b64decode(ask["secret"])).validate()
        out = {"ok": True}
    except Exception as e:
        out = {"name": type(e).__module__ + "." + type(e).__name__, "text": str(e)}
    print(json.dumps(out), flush=True)
