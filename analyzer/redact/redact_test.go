package redact

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"
)

// segment returns the base64url of a JSON text.
func segment(json string) string { return base64.RawURLEncoding.EncodeToString([]byte(json)) }

// madeUp returns a token whose signature is no signature.
func madeUp(header, payload string) string {
	return segment(header) + "." + segment(payload) + "." + segment("not really the signature of this token, just bytes")
}

const (
	plainHeader  = `{"alg":"RS256","kid":"k1","typ":"JWT"}`
	plainPayload = `{"iss":"https://auth.example","sub":"user-1","exp":1795428000,"iat":1795424400,"nbf":1795424400.5}`
	plainMark    = "[jwt alg=RS256 kid=k1 typ=JWT exp=2026-11-23T10:00:00Z iat=2026-11-23T09:00:00Z nbf=2026-11-23T09:00:00Z]"
)

func TestRedactTokens(t *testing.T) {
	token := madeUp(plainHeader, plainPayload)
	head, rest, _ := strings.Cut(token, ".")
	body, sig, _ := strings.Cut(rest, ".")
	jwe := segment(`{"alg":"dir","enc":"A256GCM"}`) + "..48V1_ALb6US04U3b.5eym8TW_c8SuK0ltJ3rpYIzOeDQz7TALvtu6UG9oMo4vpzs9tX_EFShS8iB7j6ji.XFBoMYUZodetZdvTiFvSkQ"
	for name, c := range map[string]struct{ in, want string }{
		"plain":                   {"Invalid token signature: " + token, "Invalid token signature: " + plainMark},
		"bearer":                  {"Authorization: Bearer " + token, "Authorization: Bearer " + plainMark},
		"quoted":                  {`{"token":"` + token + `","n":1}`, `{"token":"` + plainMark + `","n":1}`},
		"full stop":               {"bad token " + token + ". Try again.", "bad token " + plainMark + ". Try again."},
		"extra segment":           {"Wrong number of segments: " + token + ".extra", "Wrong number of segments: " + plainMark},
		"no signature":            {"x " + head + "." + body + ".", "x " + plainMark},
		"cut in the payload":      {"x " + head + "." + body[:20] + "...", "x [jwt alg=RS256 kid=k1 typ=JWT]..."},
		"header alone":            {"x " + head, "x [jwt alg=RS256 kid=k1 typ=JWT]"},
		"payload alone":           {"x " + body + " y", "x [jwt] y"},
		"short payload alone":     {"x " + segment(`{"sub":"bob"}`), "x [jwt]"},
		"stub kept":               {"securityToken: 'eyJhbGciOi...'.", "securityToken: 'eyJhbGciOi...'."},
		"longer stub kept":        {"signature: eyJhbGciOiJSUzI1NiIs...", "signature: eyJhbGciOiJSUzI1NiIs..."},
		"bare eyJ kept":           {"jwt: 'eyJ'.", "jwt: 'eyJ'."},
		"percent dots":            {"?t=" + head + "%2E" + body + "%2e" + sig + "&x=1", "?t=" + plainMark + "&x=1"},
		"twice percent":           {"?t=" + head + "%252E" + body + "%252e" + sig + "&x=1", "?t=" + plainMark + "&x=1"},
		"JSON dots":               {head + `\u002e` + body + `\u002E` + sig, plainMark},
		"JSON letters":            {`"eyJ\u0068` + head[4:] + "." + body + "." + sig + `"`, `"` + plainMark + `"`},
		"blanks at dots":          {head + " . " + body + " . " + sig, plainMark},
		"newline at dots":         {head + ".\n  " + body + ".\n  " + sig + "\n  at x", plainMark + "\n  at x"},
		"quoted-printable":        {token[:60] + "=\r\n" + token[60:120] + "=\r\n" + token[120:] + " end", plainMark + " end"},
		"wrapped":                 {token[:64] + "\n" + token[64:128] + "\n" + token[128:], plainMark},
		"wrapped, escaped":        {`"` + token[:64] + `\n` + token[64:128] + `\n` + token[128:] + `"`, `"` + plainMark + `"`},
		"not over a stack":        {token + "\n    at OAuth2Client.verify (/a/b.js:1:2)", plainMark + "\n    at OAuth2Client.verify (/a/b.js:1:2)"},
		"two lines, two tokens":   {token + "\n" + token, plainMark + "\n" + plainMark},
		"base64 of it":            {"seen " + base64.StdEncoding.EncodeToString([]byte(token)), "seen " + plainMark},
		"base64 of the header":    {"seen " + base64.StdEncoding.EncodeToString([]byte("Bearer "+token)), "seen " + plainMark},
		"hex of it":               {"seen " + hex.EncodeToString([]byte(token)), "seen " + plainMark},
		"first bytes damaged":     {"xx" + token, plainMark},
		"JWE":                     {"x " + jwe + " y", "x [jwt alg=dir] y"},
		"not JSON":                {"x eyJ" + strings.Repeat("Zm9v", 12) + ".abc.def y", "x [jwt] y"},
		"hono":                    {"token(" + token + ") signature mismatched", "token(" + plainMark + ") signature mismatched"},
		"the middle of one":       {"..." + rest, "...[jwt]"},
		"the end of one":          {"SI6InRlc3QifQ." + sig + " end", "[secret] end"},
		"kid too long":            {madeUp(`{"alg":"HS256","kid":"`+strings.Repeat("k", 65)+`"}`, `{}`), "[jwt alg=HS256]"},
		"kid with a line break":   {madeUp(`{"alg":"HS256","kid":"a\nb"}`, `{}`), "[jwt alg=HS256]"},
		"kid with a bracket":      {madeUp(`{"alg":"HS256","kid":"a] password"}`, `{}`), "[jwt alg=HS256]"},
		"kid is a token":          {madeUp(`{"alg":"HS256","kid":"`+segment(`{"alg":"x"}`)+`.eyJ9.x"}`, `{}`), "[jwt alg=HS256]"},
		"kid names a secret":      {madeUp(`{"alg":"HS256","kid":"password=hunter2"}`, `{}`), "[jwt alg=HS256]"},
		"kid is no string":        {madeUp(`{"alg":"HS256","kid":{"a":1}}`, `{}`), "[jwt alg=HS256]"},
		"thumbprint kid kept":     {madeUp(`{"alg":"RS256","kid":"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"}`, `{}`), "[jwt alg=RS256 kid=NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs]"},
		"exp in milliseconds":     {madeUp(`{"alg":"HS256"}`, `{"exp":1795428000000}`), "[jwt alg=HS256 exp=1795428000000]"},
		"exp is a string":         {madeUp(`{"alg":"HS256"}`, `{"exp":"tomorrow"}`), "[jwt alg=HS256]"},
		"exp is huge or negative": {madeUp(`{"alg":"HS256"}`, `{"exp":1e300,"iat":-5}`), "[jwt alg=HS256]"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := Text(c.in); got != c.want {
				t.Errorf("Text(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
		})
	}
	if time.Unix(1795428000, 0).UTC().Format(time.RFC3339) != "2026-11-23T10:00:00Z" {
		t.Fatal("the table's times are wrong")
	}
}

func TestRedactSecrets(t *testing.T) {
	opaque := "q7" + strings.Repeat("Xr9", 8)
	for name, c := range map[string]struct{ in, want string }{
		"bearer":               {"Bearer " + opaque, "Bearer [secret]"},
		"bearer, lower case":   {"got bearer " + opaque + ", no", "got bearer [secret], no"},
		"an invalid token":     {"invalid_token: " + opaque, "invalid_token: [secret]"},
		"no type's path":       {"token: q7Xr9Xr9::Xr9Xr9Xr9Xr9Xr9", "token: [secret]"},
		"bearer, encoded":      {"auth=Bearer%20" + opaque + "&x", "auth=Bearer%20[secret]&x"},
		"bearer in Go error":   {`net/http: invalid header field value "Bearer ` + opaque + `\n" for key Authorization`, `net/http: invalid header field value "Bearer [secret]\n" for key Authorization`},
		"basic":                {"Basic " + base64.StdEncoding.EncodeToString([]byte("app:hunter2")), "Basic [secret]"},
		"authorization":        {"Authorization: " + opaque, "Authorization: [secret]"},
		"digest":               {`Authorization: Digest username="bob", response="6629fae49393a05397450978507c4ef1"`, "Authorization: Digest [secret]"},
		"Go header map":        {"map[Accept:[*/*] Authorization:[Bearer " + opaque + "] Cookie:[sid=" + opaque + "]]", "map[Accept:[*/*] Authorization:[Bearer [secret]] Cookie:[[cookie]]]"},
		"header tuples":        {"[('Authorization', 'Bearer " + opaque + "'), ('Cookie', 'a=b'), ('X-Api-Key', '" + opaque + "')]", "[('Authorization', 'Bearer [secret]'), ('Cookie', '[cookie]'), ('X-Api-Key', '[secret]')]"},
		"Python dict":          {"{'password': 'hunter2', 'n': 1}", "{'password': '[secret]', 'n': 1}"},
		"Python bytes":         {"{b'password': b'hunter2'}", "{b'password': b'[secret]'}"},
		"Ruby hash":            {`{"password"=>"hunter2", :client_secret=>"` + opaque + `"}`, `{"password"=>"[secret]", :client_secret=>"[secret]"}`},
		"PHP array":            {"Array ( [password] => hunter2 )", "Array ( [password] => [secret] )"},
		"XML":                  {"<user><password>hunter2</password></user>", "<user><password>[secret]</password></user>"},
		"YAML":                 {"password: hunter2", "password: [secret]"},
		"YAML, quoted":         {"JWT_SECRET_KEY: 'it is a long secret'", "JWT_SECRET_KEY: '[secret]'"},
		"JSON":                 {`{"client_secret":"plainword"}`, `{"client_secret":"[secret]"}`},
		"JSON with blanks":     {`{"secret" : "correct horse battery"}`, `{"secret" : "[secret]"}`},
		"JSON escaped":         {`{\"secret\":\"plainword\",\"n\":1}`, `{\"secret\":\"[secret]\",\"n\":1}`},
		"JSON escaped twice":   {`{\\\"secret\\\":\\\"plainword\\\"}`, `{\\\"secret\\\":\\\"[secret]\\\"}`},
		"JSON number":          {`{"passcode":123456}`, `{"passcode":[secret]}`},
		"JSON list":            {`{"secrets":["plainword","other"]}`, `{"secrets":["[secret]]}`},
		"JSON escaped quote":   {`{"password":"ab\"cd","n":1}`, `{"password":"[secret]","n":1}`},
		"HTML":                 {"&quot;password&quot;:&quot;plainword&quot;", "&quot;password&quot;:&quot;[secret]&quot;"},
		"URL-encoded JSON":     {"%7B%22password%22%3A%22plainword%22%7D", "%7B%22password%22%3A%22[secret]%22%7D"},
		"environment":          {"JWT_SECRET=plainword PORT=80", "JWT_SECRET=[secret] PORT=80"},
		"environment, prod":    {"export JWT_SECRET_STAGING='plain word'", "export JWT_SECRET_STAGING='[secret]'"},
		"odd password":         {"password=ab,cd;ef)gh next", "password=[secret] next"},
		"list of settings":     {"{password=plainword, user=bob}", "{password=[secret], user=[sub]}"},
		"query":                {"GET /cb?access_token=" + opaque + "&state=ok HTTP/1.1", "GET /cb?access_token=[secret]&state=ok HTTP/1.1"},
		"query, encoded":       {"redirect=%3Faccess_token%3D" + opaque + "%26state%3Dok", "redirect=%3Faccess_token%3D[secret]%26state%3Dok"},
		"flag":                 {"exec: app --client-secret " + opaque + " --port 80", "exec: app --client-secret [secret] --port 80"},
		"cookie":               {"Cookie: sid=abc; theme=dark", "Cookie: [cookie]"},
		"set-cookie":           {"Set-Cookie: sid=abc; Expires=Wed, 21 Oct 2026 07:28:00 GMT; HttpOnly\nnext", "Set-Cookie: [cookie]\nnext"},
		"cookie in JSON":       {`"cookie":"sid=abc; theme=dark"`, `"cookie":"[cookie]"`},
		"database URL":         {"dial postgres://app:p4ss/w@db:5432/x failed", "dial postgres://app:[secret]@db:5432/x failed"},
		"redis URL":            {"redis://:hunter2@cache:6379", "redis://:[secret]@cache:6379"},
		"MySQL DSN":            {"app:hunter2@tcp(db:3306)/x", "app:[secret]@tcp(db:3306)/x"},
		"Postgres DSN":         {"host=db password=hunter2 dbname=x", "host=db password=[secret] dbname=x"},
		"AWS":                  {"key AKIA" + "IOSFODNN7EXAMPLE used", "key [secret] used"},
		"Google":               {"key=AIza" + "SyA-1234567890abcdefghijklmnopqrstu", "key=[secret]"},
		"GitHub":               {"ghp_" + strings.Repeat("a1B", 12), "[secret]"},
		"Slack":                {"xoxb-" + "1234-5678-abcdefgh", "[secret]"},
		"Stripe":               {"sk_live_" + strings.Repeat("a1B", 8), "[secret]"},
		"OAuth of Google":      {"GOCSPX-" + strings.Repeat("a1B", 8) + " ya29." + strings.Repeat("a1B", 8), "[secret] [secret]"},
		"private PEM":          {"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest", "[pem RSA PRIVATE KEY]\nrest"},
		"public PEM, escaped":  {`"-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"`, `"[pem PUBLIC KEY]\n"`},
		"PEM cut short":        {"-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0B\nAQEFAASC\nnext line here", "[pem PRIVATE KEY]\nnext line here"},
		"JWK":                  {`{"kty":"RSA","n":"0vx7agoebGcQ","e":"AQAB","d":"X4cTteJY_gn4FYPs"}`, `{"kty":"RSA","n":"0vx7agoebGcQ","e":"AQAB","d":"[secret]"}`},
		"symmetric JWK":        {`{"k":"AyM1SysPpbyDfgZl","kty":"oct","kid":"k1"}`, `{"k":"[secret]","kty":"oct","kid":"k1"}`},
		"no JWK":               {`{"k":"AyM1SysPpbyDfgZl","p":"plainword"}`, `{"k":"AyM1SysPpbyDfgZl","p":"plainword"}`},
		"Ruby receiver":        {"undefined method `verify' for \"the-secret\":String", "undefined method `verify' for \"[secret]\":String"},
		"Ruby in JSON":         {`undefined method 'verify' for \"the-secret\":String`, `undefined method 'verify' for \"[secret]\":String`},
		"python-jose":          {"Unable to parse an RSA_JWK from key: the-secret", "Unable to parse an RSA_JWK from key: [secret]"},
		"PHP trace":            {"#0 /a.php(3): Firebase\\JWT\\JWT::decode('eyJ0eXAiOiJKV1...', 'my-secret-key', Array)", "#0 /a.php(3): Firebase\\JWT\\JWT::decode('eyJ0eXAiOiJKV1...', '[secret]', Array)"},
		"opaque token":         {"Wrong number of segments in token: caa5464b1fa68cb623e500f9", "Wrong number of segments in token: [secret]"},
		"damaged header":       {"Can't parse token envelope: !!!hbGciOiJSUzI1NiJ9': x", "Can't parse token envelope: [secret]': x"},
		"quoted api key":       {`unknown api key "` + opaque + `"`, `unknown api key "[secret]"`},
		"e-mail":               {"no account for alice.b+x@mail.example.com.", "no account for [email]."},
		"e-mail, encoded":      {"/reset?to=alice%40example.com&x=1", "/reset?to=[email]&x=1"},
		"e-mail, JSON escape":  {`alice\u0040example.com`, "[email]"},
		"e-mail, other script": {"from josé@exämple.de now", "from [email] now"},
		"service account":      {"caller ci@acme.iam.gserviceaccount.com", "caller ci@acme.iam.gserviceaccount.com"},
		"package":              {"jsonwebtoken@8.5.1 github.com/a/b@v1.2.0 root@10.0.0.1", "jsonwebtoken@8.5.1 github.com/a/b@v1.2.0 root@10.0.0.1"},
		"sub":                  {"auth ok sub=user-48213 aud=orders", "auth ok sub=[sub] aud=orders"},
		"sub in JSON":          {`{"iss":"https://a","sub":"u1","aud":"x"}`, `{"iss":"https://a","sub":"[sub]","aud":"x"}`},
		"sub as a number":      {`{"sub":42}`, `{"sub":[sub]}`},
		"sub in Go map":        {"map[iss:https://a sub:42]", "map[iss:https://a sub:[sub]]"},
		"subject, talk":        {"subject: auth0|5f7c8ec7c33c6c004bbafe82", "subject: [sub]"},
		"user ids":             {"user_id=7 userId=8 uid:9 preferred_username=bob", "user_id=[sub] userId=[sub] uid:[sub] preferred_username=[sub]"},
		"ruby-jwt subject":     {"Invalid subject. Expected svc, received u-1 (JWT::InvalidSubError)", "Invalid subject. Expected [sub], received [sub] (JWT::InvalidSubError)"},
		"jsonwebtoken subject": {"jwt subject invalid. expected: u1", "jwt subject invalid. expected: [sub]"},
		"certificate subject":  {"subject=CN=api.example.com,O=Acme", "subject=CN=api.example.com,O=Acme"},
	} {
		t.Run(name, func(t *testing.T) {
			got := Text(c.in)
			if got != c.want {
				t.Errorf("Text(%q)\n got %q\nwant %q", c.in, got, c.want)
			}
			if again := Text(got); again != got {
				t.Errorf("not idempotent: %q then %q", got, again)
			}
		})
	}
}

// TestRedactKeeps holds that failure messages, which rules match on, and other
// talk of secrets pass unchanged.
func TestRedactKeeps(t *testing.T) {
	f, err := os.Open("testdata/keeps.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := 0
	for sc := bufio.NewScanner(f); sc.Scan(); lines++ {
		if got := Text(sc.Text()); got != sc.Text() {
			t.Errorf("changed\n  from %s\n  to   %s", sc.Text(), got)
		}
		if strings.Contains(sc.Text(), "eyJ") {
			continue // judging a stub decodes it
		}
		if n := testing.AllocsPerRun(3, func() { Text(sc.Text()) }); n > 1 { // sc.Text allocates once
			t.Errorf("%v allocations for %q", n, sc.Text())
		}
	}
	if lines < 150 {
		t.Fatalf("read %d lines, want at least 150", lines)
	}
}

func TestKeyShapes(t *testing.T) {
	for _, k := range keyShapes {
		tail := strings.TrimSuffix(k.prefix, "0")
		if !isShapeTail(tail[len(tail)-2], tail[len(tail)-1]) {
			t.Errorf("%q is never looked for", k.prefix)
		}
		if got := Text("x " + k.prefix + strings.Repeat("a1B2", 12)); got != "x [secret]" {
			t.Errorf("%q: %q", k.prefix, got)
		}
	}
}

func TestRedactField(t *testing.T) {
	token := madeUp(plainHeader, plainPayload)
	for _, c := range []struct{ path, in, want string }{
		{"password", "correct horse battery", "[secret]"},
		{"user.password", "x1", "[secret]"},
		{"config.JWT_SECRET", "plainword", "[secret]"},
		{"config.jwt.secretName", "jwt-main", "jwt-main"},
		{"secret", "projects/acme/secrets/jwt-main/versions/7", "projects/acme/secrets/jwt-main/versions/7"},
		{"secret", "true", "true"},
		{"jwt_secret_available", "true", "true"},
		{"password", "", ""},
		{"headers.authorization.0", "Bearer " + token, "Bearer " + plainMark},
		{"headers.authorization.0", "abcDEF123456ghi", "[secret]"},
		{"headers.cookie", "sid", "[cookie]"},
		{"res.headers.set-cookie.1", "sid=abc; Path=/", "[cookie]"},
		{"token", token, plainMark},
		{"token", "f81d4fae7dec11d0", "[secret]"},
		{"token", "token is expired", "token is expired"},
		{"access_token", token, plainMark},
		{"apiKey", "plainword", "[secret]"},
		{"x-api-key", "plainword", "[secret]"},
		{"err.payload.sub", "user-48213", "[sub]"},
		{"sub", "42", "[sub]"},
		{"claim", "sub", "sub"},
		{"user.id", "48213", "[sub]"},
		{"user.name", "bob", "[sub]"},
		{"user_agent", "curl/8", "curl/8"},
		{"upn", "bob", "[sub]"},
		{"preferred_username", "bob", "[sub]"},
		{"email", "not an address", "[email]"},
		{"authenticationInfo.principalEmail", "bob@example.com", "[email]"},
		{"authenticationInfo.principalEmail", "ci@acme.iam.gserviceaccount.com", "ci@acme.iam.gserviceaccount.com"},
		{"keys.0.d", "X4cTteJY_gn4FYPsXB8r", "[secret]"},
		{"k", "v", "v"},
		{"message", "token is expired", "token is expired"},
		{"message", "sub=user-1", "sub=[sub]"},
		{"kid", "k1", "k1"},
		{"", "plain", "plain"},
	} {
		got := Field(c.path, c.in)
		if got != c.want {
			t.Errorf("Field(%q, %q) = %q, want %q", c.path, c.in, got, c.want)
		}
		if again := Field(c.path, got); again != got {
			t.Errorf("Field(%q) is not idempotent: %q then %q", c.path, got, again)
		}
	}
}

// TestRedactLeaks feeds the shapes in which real libraries were seen to leak
// a token or a key. {token}, {secret} and {opaque} are made up at run time.
func TestRedactLeaks(t *testing.T) {
	text, err := os.ReadFile("testdata/leaks.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	if len(lines) < 20 {
		t.Fatalf("read %d lines, want at least 20", len(lines))
	}
	r := newRandomText(7)
	for _, line := range lines {
		token, parts := r.token()
		secret, opaque := r.chosen(), r.opaque()
		in := strings.NewReplacer("{token}", token, "{token%}", url.QueryEscape(token), "{head}", parts[0]+"."+parts[1][:24],
			"{payload}", parts[1], "{secret}", secret, "{opaque}", opaque, `\n`, "\n").Replace(line)
		got := Text(in)
		for _, gone := range []string{parts[1], parts[1][:24], parts[2], secret, opaque} {
			if strings.Contains(in, gone) && strings.Contains(got, gone) {
				t.Errorf("survives in %q:\n%s", got, line)
			}
		}
		if got == in {
			t.Errorf("unchanged: %s", line)
		}
	}
}
