# Verifies tokens with the Python library that is named: one JSON object a line
# in, one out.
import base64, json, sys

if sys.argv[1] == "PyJWT":
    import jwt

    verify = lambda token, secret: jwt.decode(token, secret, algorithms=["HS256"])
elif sys.argv[1] == "python-jose":
    from jose import jwt

    verify = lambda token, secret: jwt.decode(token, secret, algorithms=["HS256"])
else:
    from authlib.jose import JsonWebToken

    verify = lambda token, secret: JsonWebToken(["HS256"]).decode(token, secret).validate()

for line in sys.stdin:
    ask = json.loads(line)
    try:
        verify(ask["token"], base64.b64decode(ask["secret"]))
        out = {"ok": True}
    except Exception as e:
        out = {"name": type(e).__module__ + "." + type(e).__name__, "text": str(e)}
    print(json.dumps(out), flush=True)
