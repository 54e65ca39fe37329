package rules

import "strings"

// concept is a set of meanings that the words of a clause carry. The generic
// layer decides on concepts, never on a single word: "expired" needs a token,
// "signature" a complaint.
type concept uint64

const (
	aToken concept = 1 << iota
	anAuth
	aSignature
	anAlgorithm
	aKey
	aKeyID
	aKeySet
	aSecret
	anIssuer
	anAudience
	aSubject
	aNonce
	aClaim
	aType
	anExpiry    // exp, expiry, lifetime: a subject
	hasExpired  // expired: a complaint by itself
	aNotBefore  // nbf
	tooEarly    // not yet valid, immature: a complaint by itself
	anIssuedAt  // iat
	inFuture    // in the future
	tooOld      // max age exceeded: a complaint by itself
	revoked     // a complaint by itself
	replayed    // likewise
	aCritical   // crit
	aBinding    // DPoP, cnf, mTLS
	anEncrypted // JWE, decrypt
	aDiscovery
	aScope
	aSession
	aLogin
	aUser
	aHeader
	aScheme
	aForm     // segments, base64, parse: the shape of a token
	aConfig   // configuration, option
	isNone    // alg none
	unsupport // not supported, not implemented
	lacking   // missing, required, not set
	notFound
	differs // mismatch, unexpected, does not match
	tooShort
	fetching // fetch, load, connect
	broken   // fails to be reached: timeout, refused, 5xx
	negated  // invalid, failed, not
	denied   // unauthorized, forbidden, rejected
	limited
	otherTrade // a subject of another trade: TLS certificate, password, cache
	success    // verified, accepted
	elsewhere  // another trade beyond doubt: compilers, DNS, mail, payment
	hypothesis // expires in, will expire, example: nothing failed
)

// lexicon lists the folded words of each concept, parted by |. A * at the end
// takes any ending.
var lexicon = []struct {
	concept concept
	words   string
}{
	{aToken, "token|tokens|jwt|jwts|jws|jwe|json web token|bearer|assertion|id token|access token|idtoken|accesstoken|refresh token|credential|credentials|jose|claims set|jwtclaims"},
	{anAuth, "auth|authn|authenticat*|authoriz*|authoris*|unauthorized|unauthorised|unauthenticated|oauth*|oidc|openid|sso|login|signin|principal|identity provider|idp|iam"},
	{aSignature, "signature|signatures|signed|unsigned|signing|sig|hmac|mac check|crypto verification|cryptographic primitive|digest"},
	{anAlgorithm, "alg|algorithm|algorithms|signing method|algs|hs256|hs384|hs512|rs256|rs384|rs512|es256|ps256|eddsa"},
	{aKey, "key|keys|jwk|jwks|public key|private key|verification key|pem|keyset|keystore|publickey|rsa"},
	{aKeyID, "kid|key id|keyid|key identifier|x5t"},
	{aKeySet, "jwks|jwk set|key set|keyset|jwks uri|keys uri|json web key set|signing keys|public keys|jwk sets|certs endpoint|jwks endpoint|jwkset|verification keys|signing certs|jwk url|jwks url"},
	{aSecret, "secret|secrets|shared secret|signing key|passphrase|secretorkey|secret key|hmac key|jwt secret|signing secret|secretorprivatekey|secretorpublickey|encryption key"},
	{anIssuer, "iss|issuer|issuers|issued by"},
	{anAudience, "aud|audience|audiences|recipient|intended for"},
	{aSubject, "sub|subject"},
	{aNonce, "nonce|state parameter|nonces"},
	{aClaim, "claim|claims|exp|nbf|iat|iss|aud|sub|jti|azp|payload field|email claim|scope claim|at hash|acr|amr|tid|cnf claim"},
	{aType, "token type|tokentype|typ|token use|type of token|typ header|refresh token|access token|id token"},
	{anExpiry, "exp|expiry|expiration|expiration time|lifetime|expires|expire|ttl|validity period|expiresat"},
	{hasExpired, "expired|has expired|no longer valid|past its expir*|past expir*|tokenexpired*|outdated|after expiry|is stale|expiry is in the past|already expired|is past"},
	{aNotBefore, "nbf|not before|notbefore|activation time"},
	{tooEarly, "not yet valid|not valid yet|not active|not yet active|immature*|premature*|before nbf|used before nbf|not yet usable|cannot be used before|not yet be used|before its not before|used too early|notyetvalid|not yet*|inactive until|isn't valid yet|not be accepted before|used before its|before not before|before valid time|only valid after"},
	{anIssuedAt, "iat|issued at|issuedat|issue time|issued in|issued|before issued"},
	{inFuture, "in the future|in future|future|ahead of|before issued|before it was issued|clock skew|used before issued"},
	{tooOld, "too old|max age|maximum age|maxage|max token age|maxtokenage|older than|exceeds maximum age|exceeded the maximum|age limit|too long ago|too far in the past|auth time"},
	{revoked, "revoked|revocation|blacklist*|blocklist*|denylist*|deny list|black list|block list|invalidated|logged out|has been disabled|been deactivated"},
	{replayed, "replay*|already used|already been used|reused|reuse|used before by|jti already"},
	{aCritical, "crit|critical header|critical headers|critical extension|crit header|critical header parameter|critical claim"},
	{aBinding, "dpop|cnf|proof of possession|certificate bound|sender constrained|mtls|proofofpossession|jkt|token binding|certificate thumbprint"},
	{anEncrypted, "jwe|decrypt*|encrypted|ciphertext|cipher text|auth tag|authentication tag|content encryption|cek|decryption"},
	{aDiscovery, "discovery|well known|openid configuration|provider configuration|metadata document|openid provider metadata|oidc configuration|provider metadata|oidc metadata|authorization server metadata"},
	{aScope, "scope|scopes|permission|permissions|role|roles|privilege|privileges|authorities|entitlement*|access rights"},
	{aSession, "session|sessions"},
	{aLogin, "password|username|login|credentials|sign in|user name|passcode|otp"},
	{aUser, "user|account|subscriber|principal"},
	{aHeader, "authorization header|header|headers|authorization|cookie|auth header|query parameter|metadata"},
	{aScheme, "scheme|prefix|bearer scheme|authorization type|authentication type|auth scheme|bearer keyword|must start with|type is not bearer|not bearer|not a bearer|authorization type|header format|format is|must be of the form|should be of the form|start with bearer"},
	{aForm, "malformed|segment|segments|base64*|decode|decoding|decoded|parse|parsing|parsed|deserializ*|unmarshal*|encoding|format|structure|three parts|3 parts|two dots|number of parts|dots|compact serialization|not a jwt|not a valid jwt|json|syntax|unparseable|unparsable|padding|utf 8|utf8|truncated|illegal character|not well formed|ill formed|periods|delimiter*|serialized|serialization|corrupt*|garbage|not enough parts|compact form|jwt string|too large|decoder"},
	{aConfig, "config|configuration|configured|misconfigur*|option|options|setting|settings|must be configured|callback|environment variable|initializ*|initialis*"},
	{isNone, "none|unsecured|unsigned|plaintext jwt|alg none|nonealgorithm*|not signed"},
	{unsupport, "unsupported|not supported|unimplemented|not implemented|unrecognized|unrecognised|not available|unavailable algorithm|no support|doesn't support|does not support|isn't supported|unknown algorithm|unknown alg|not recognized|no such algorithm|unknown signature algorithm|unknown signing algorithm"},
	{lacking, "missing|required|absent|empty|blank|not provided|not present|not set|without|undefined|is null|null|nil|none provided|must be provided|must be set|not supplied|not specified|lacks|lacking|lack|unset|not given|must have|must contain|did not contain|does not contain|doesn't contain|doesn't have|does not have|has no|have no|contains no|with no|cannot be empty|can't be empty|must not be empty|not configured|no token|no jwt|no bearer|no authorization|no credentials|no credential|no secret|no key|no exp|no iss|no aud|no issuer|no audience|no claim|no kid|no signature|no auth|no access token|no id token|no subject|no valid|not defined|not included|could not be found in|not found in|needed|mandatory|must include|must be present|not passed"},
	{notFound, "not found|no matching|unable to find|could not find|cannot find|can't find|couldn't find|unknown|does not exist|doesn't exist|no such|no key|not in|found no|no suitable|no applicable|unresolvable|unable to resolve|could not be resolved|cannot resolve|none of the|no public key|no verification key|not known|isn't in|no keys|no signing key|not present in|unable to locate|failed to find|no jwk|unable to match|failed to resolve|none found|nonexist*|lookup failed|lookup*|not registered|could not be found"},
	{differs, "mismatch*|not match|doesn't match|does not match|don't match|do not match|unexpected|wrong|different|not allowed|untrusted|not trusted|not equal|not accepted|unacceptable|disallowed|not permitted|not one of|not in the list|incorrect|not the expected|not expected|expected|did not match|didn't match|not among|not authorized for|is not for|not whitelisted|not intended|not valid for|other than|not in allowed|forbidden algorithm|not acceptable|isn't allowed|bad"},
	{tooShort, "too short|too small|too weak|weak|at least|minimum|shorter than|less than|insufficient length|insufficient key|bits long|not long enough|key size|key length|placeholder|default secret|insecure|too few"},
	{fetching, "fetch*|download*|retriev*|load|loading|loaded|connect*|refresh|refreshing|obtain*|request|requests|get|getting|reach|resolve|read|reading|query|contact*|update|updating|http|call|calling|remote|endpoint|pull|sync"},
	{broken, "timeout|timed out|time out|unreachable|refused|no such host|deadline exceeded|unavailable|503|502|500|504|404|dial tcp|i/o|econnrefused|enotfound|etimedout|connection reset|dns|no response|non 200|status code|socket hang up|eof|network*|bad gateway|gateway|name resolution|server error|exhausted|handshake|unable to get|certificate verify failed"},
	{negated, "invalid|not valid|isn't valid|is not valid|fail|failed|fails|failing|failure|failures|error|errors|exception|unable|cannot|can't|can not|could not|couldn't|not|bad|illegal|incorrect|wrong|reject*|problem|unsuccessful|not be verified|unverif*|unverified|untrusted|violat*|disallow*|aborted|aborting|inval|broken|faulty|never|tampered|forged|does not|doesn't|must|refus*|invalid*|unacceptable|no longer|neither|won't|denied|corrupt*|unsafe|malformed|errored|bogus"},
	{denied, "unauthorized|unauthorised|unauthenticated|forbidden|denied|not authorized|not authenticated|not authorised|access denied|not logged in|permission denied|must be authenticated|authentication required|requires authentication|insufficient*|not allowed to|lacks permission|401|403"},
	{limited, "rate limit*|too many requests|throttl*|quota|slow down|429"},
	{otherTrade, "templatesyntaxerror|template syntax error|block tag|signed cookie|validation failure|purged|proxy authentication|clean up|cleanup|descriptor|parse exception|jsonparseexception|corporate proxy|service account default|path template|image|syntax error|syntaxerror|parse error|parseerror|yaml|clang|unexpected token|unrecognized token|invalid token at|found invalid token|not well formed|wasm|zip|changelog|slow query|select|span name|metric|i18n|form token|cloudfront|unbound|idempotency token|migrated|table|compacted|column|cipher message|tokenization|cosign|dkim|nltk|nonce too|gas|preprocessor|operator before token|start any token|build|lint|compile|compiler|certificate|x509|ssl|tls|webhook|password|cache|cached|coupon|voucher|api key|apikey|csrf|xsrf|gpg|pgp|dnssec|apt|license|licence|package|git|commit|artifact|cosign|csr|domain|subscription|trial|invitation|invite|card|payment|lock|lease|job|migration|presigned|signed url|smart contract|blockchain|transaction|bucket|ota|firmware|parser error|lexer|tokenizer|csv|xml|saml|dkim|spf|apk|push token|device token|fcm|apns|stripe|docusign|s3|sigv4|captcha|recaptcha|reset token|nlp|llm|prompt|max tokens|token limit|token count|tokens used|token bucket"},
	{elsewhere, "antivirus|failures total|status=expired|total{cause|virus database|syntax error|syntaxerror|unexpected token|unrecognized token|lexer|tokenizer|changelog|i18n|dkim|dnssec|unbound|card payment|declined|preprocessor|clang|xml parsing|yaml|template syntax error|cloudfront|gpg|apt|cosign|nltk|wasm|slow query|metric descriptor|status expired|captcha|coupon|refresh tokens purged|purged|expired refresh tokens"},
	{success, "success*|not expired|not revoked|signature valid|is valid until|still valid|still active|verified|accepted|validated|granted|is valid|ok|issued|refreshed|minted|renewed|rotated"},
	{hypothesis, "expires in|expires at|will expire|expiring|about to expire|expires on|expires after|if the|example|test|tests|spec|docs|documentation|migration|added|todo|how to|tutorial|unit test|passed|deprecated|feature"},
}

// vocabulary maps each word to its concepts; a stem keeps its *.
func vocabulary() map[string]concept {
	v := map[string]concept{}
	for _, l := range lexicon {
		for _, w := range strings.Split(l.words, "|") {
			v[w] |= l.concept
		}
	}
	return v
}

// conceptWeight is what a word adds to the screen.
func conceptWeight(c concept) (w uint8) {
	const subjects = aToken | anAuth | aSignature | aKeySet | aSecret | anIssuer | anAudience | aKeyID | hasExpired | aBinding | aDiscovery
	const complaints = hasExpired | tooEarly | tooOld | revoked | replayed | isNone | unsupport | lacking | notFound | differs | tooShort | broken | negated | denied | limited | aForm
	if c&subjects != 0 {
		w |= weighSubject
	}
	if c&complaints != 0 {
		w |= weighComplaint
	}
	return w
}
