# GET /health/jwt for a Python service, with the standard library alone:
# health(nonce, authorization) gives the status code and the JSON body.
import base64, hmac, os, re, time, uuid
from datetime import datetime, timezone

NAMES = ["JWT_SECRET_STAGING", "JWT_SECRET"]  # the variables of your service, the strongest first
env = {n: os.environb.get(n.encode()) for n in NAMES}
NAME = next((n for n in NAMES if env[n]), NAMES[0])
SECRET = env[NAME] or b""  # exactly the bytes that your service signs and verifies with
PEPPER = os.environb.get(b"WHY401_PEPPER", b"").strip()
STARTED, INSTANCE, used = datetime.now(timezone.utc).isoformat(), uuid.uuid4().hex[:12], {}

def tag(key, text):
    return base64.urlsafe_b64encode(hmac.digest(key, text.encode(), "sha256")[:16]).rstrip(b"=").decode()

def hkdf(secret, salt, info):  # RFC 5869, the first 32 bytes
    return hmac.digest(hmac.digest(salt, secret, "sha256"), info + b"\x01", "sha256")

def authorized(nonce, header):
    m = re.fullmatch(r"Why401 ([0-9]{1,15})\.([A-Za-z0-9_-]+)", header or "")
    return (m and len(PEPPER) >= 32 and re.fullmatch("[A-Za-z0-9_-]{22,86}", nonce) and abs(time.time() - int(m[1])) <= 300
            and hmac.compare_digest(m[2], tag(hkdf(PEPPER, b"", b"why401 request v1"), m[1] + "." + nonce)))

def limited(kind, now):  # 120 requests a minute, those who sign apart from those who do not
    level, at = used.get(kind, (0, now))
    used[kind] = (min(max(level - 2 * (now - at), 0) + 1, 121), now)
    return used[kind][0] > 120

def state(n):
    return "absent" if env[n] is None else "empty" if not env[n] else "wins" if n == NAME else "same" if env[n] == SECRET else "differs"

def health(nonce="", authorization=""):
    if nonce and not authorized(nonce, authorization):
        return 401, {"error": "wanted Authorization: Why401 TIME.MAC, made with the pepper of this service"}
    if limited(bool(nonce), time.time()):
        return 429, {"error": "too many requests"}
    now, there, fits = datetime.now(timezone.utc).isoformat(), bool(SECRET.strip()), len(SECRET) >= 32  # HS256
    agree = all(state(n) != "differs" for n in NAMES)
    body = {"status": "unhealthy" if not there else "healthy" if fits and agree else "degraded",
            "details": {"jwt_secret_available": there, "secret_length_valid": there and fits, "cross_service_consistency": agree, "last_validated": now}}
    if nonce:
        body["why401"] = {"version": 1, "nonce": nonce, "instance": INSTANCE, "started": STARTED, "now": now, "secrets": [{
            "name": NAME, "role": "current", "kind": "hmac", "source": "env", "chain": [{"name": n, "state": state(n)} for n in NAMES],
            "loaded": STARTED, "load_seconds": 0, "length": {"HS256": "ok" if fits else "too_short"}, "present": "unread",
            "fingerprint": tag(hkdf(SECRET, PEPPER, b"why401 fingerprint v1"), nonce)}],
            "settings": {"algorithms": ["HS256"], "leeway_seconds": 0}}
    return 200 if there else 503, body

if __name__ == "__main__":  # in place of the route of your framework
    import json
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
    from urllib.parse import parse_qs, urlsplit

    class Route(BaseHTTPRequestHandler):
        def do_GET(self):
            url = urlsplit(self.path)
            nonce = parse_qs(url.query).get("nonce", [""])[0]
            code, body = health(nonce, self.headers.get("Authorization")) if url.path == "/health/jwt" else (404, {})
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            self.wfile.write(json.dumps(body).encode())

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", int(os.environ.get("PORT", "8080"))), Route)
    print("listening on", server.server_port, flush=True)
    server.serve_forever()
