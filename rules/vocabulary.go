package rules

import "strings"

// The generic layer reads a clause as things and signs: what it speaks of and
// what it says of it. It never decides on one word: "expired" needs a token,
// "signature" a complaint.
type (
	thing uint64
	sign  uint64
)

// sense is what the words of a clause mean together.
type sense struct {
	things thing
	signs  sign
	lead   thing // the first thing that the clause names
}

func (s sense) and(o sense) sense {
	if s.lead == 0 {
		s.lead = o.lead
	}
	return sense{s.things | o.things, s.signs | o.signs, s.lead}
}

// The things. A standard claim's name is that claim and aClaim.
const (
	aToken thing = 1 << iota
	isJWT        // a token of this trade beyond doubt: JWT, id token, bearer
	anAuth
	aSignature
	anAlgorithm
	aKey
	isCrypto // a key's kind: RSA, PEM, EC: crypto beyond doubt
	aKeyID
	aKeySet
	aSecret
	anIssuer
	anAudience
	aSubject
	aNonce
	aState
	aClaim
	aTime // exp, nbf or iat
	anExpiry
	aNotBefore
	anIssuedAt
	anAge
	aType
	aKind // access, refresh or id: which kind of token
	aHash // at_hash, c_hash
	aHeader
	aScheme
	aForm
	aDatatype // number, string, format of a value
	aCritical
	aBinding
	anEncrypted
	aDiscovery
	aScope
	aSession
	aLogin
	aUser
	aConfig
	aCertificate
	anIntrospection
	aCSRF
	aDocument // JSON, HTML: what a fetch brought
	aKeys     // in the plural
	aShape    // how a token is put together: segments, base64
	aRefresh
	aJWK
	aStd    // a standard claim, or claims as only tokens have them
	aStore  // where secrets are kept
	aCustom // bound or custom claims, a claim that is no standard one
)

// The signs.
const (
	expired sign = 1 << iota
	tooLate
	tooEarly
	inFuture
	tooOld
	inactive
	revoked
	replayed
	isNone
	unsupported
	lacking  // missing, absent, empty, not set
	required // required, must: lacking when nothing else is said
	notFound
	unknown
	differs // mismatch, unexpected, not the expected one
	expects // expected x, got y
	tooShort
	tooLong
	fetching
	broken      // unreachable, timeout, 5xx
	negated     // invalid, bad, not
	fails       // failed, error, could not
	checkFailed // the check of what stands before it failed
	denied
	limited
	several // more than one where one is wanted
	holdsNo // has no, lacks: the subject stands before it
	unset   // undefined, null, not configured: of the verifier's own side
	either  // invalid or expired: two complaints of which one is true
	otherTrade
	elsewhere
	unlike // of another trade beyond doubt: a library's own text beside it means that trade
	success
	hypothesis
	filler // words that say nothing
)

// lexicon lists folded words by what they mean, parted by |. A * at the end
// takes any ending. Hyphens are spaces, and words written together in camel
// case are parted (see prepare).
var lexicon = []struct {
	thing thing
	sign  sign
	words string
}{
	{aToken, 0, "token|tokens|credential|credentials|assertion|assertions|security token|securitytoken|jeton|jetons|令牌|トークン|토큰|токен*|Токен*"},
	{aToken, lacking, "anonymous access|anonymous request|anonymous requests"},
	{isJWT, 0, "dumpedclaims"},
	{aToken | isJWT, 0, "jwt|jwts|jws|jwss|jwt*|json web token*|jsonwebtoken*|id token|id tokens|idtoken*|access token|access tokens|accesstoken*|refresh token|refresh tokens|refreshtoken*|bearer|bearer token|bearer tokens|compact jws|identity token|auth token|authentication token|authorization token|claims set|service account token|jose object"},
	{aToken | isJWT, 0, "jwe|jwes|jwe token"},
	{aToken | isJWT | anEncrypted, 0, "encrypted jwt"},
	{anAuth, denied, "unauthorized|unauthorised|unauthenticated"},
	{anAuth, 0, "auth|authn|authz|authenticat*|authoriz*|authoris*|sso|principal|identity|login|logon|sign in|signin"},
	{anAuth | isJWT, 0, "oidc|oauth*|o auth*|openid|open id|openid connect|jose|dpop|resource server"},
	{aSignature, 0, "signature|signatures|sig|signed|signing|unsigned|hmac|mac check|digest|cryptographic primitive|cryptographic operation|crypto verification|signatur|firma|签名|署名|подпись"},
	{anAlgorithm | aSignature, 0, "signing method|signature method|signature type|signing methods|signature algorithm|signature algorithms|signing algorithm|signing algorithms|signing alg"},
	{anAlgorithm, 0, "alg|algs|algorithm|algorithms|algo|enc|hash function"},
	{anAlgorithm | isJWT, 0, "hs256|hs384|hs512|rs256|rs384|rs512|es256|es384|es512|ps256|ps384|ps512|eddsa|es256k|rsa oaep|a256gcm|a128gcm"},
	{aKey, 0, "key|keys|keystore|keyring|publickey|privatekey|keypair|key pair|pubkey"},
	{aKey | isCrypto, 0, "public key|private key|verification key|pem|rsa key|ec key|pkcs1|pkcs8|pkcs*|key material|elliptic curve|crypto key|symmetric key|asymmetric key|spki|oct key|octet sequence key"},
	{isCrypto, 0, "rsa|ecdsa|ed25519|ed448|ecdh|modulus|asn.1|asn1|ecdsa p 256"},
	{aKeys | aKey, 0, "keys"},
	{aKeyID | isJWT, 0, "kid|key id|keyid|key ids|key identifier|x5t|thumbprint|jwk id"},
	{aJWK | aKey | isJWT, 0, "jwk|json web key|kty"},
	{aKeySet | aKey | isJWT, 0, "jwks|jwk set|jwk sets|json web key set|json web key sets|json web keys|jwks uri|jwks url|jwks endpoint|jwkset*|jwk url|keys uri|certs endpoint|jwks_uri|jwk source|key resolver|jwks client"},
	{aKeySet | aKey, 0, "key set|keyset|token keys|jwt keys|keys endpoint|signing certs|verification certificates|certs"},
	{aKeys | aKey, 0, "signing keys|public keys|verification keys|remote keys|provider keys"},
	{aSecret, 0, "secret|secrets|shared secret|passphrase|secret key|hmac key|signing secret|encryption key|client secret|signing material"},
	{aSecret | aKey, 0, "signing key"},
	{aSecret | aStore, 0, "secret manager|secretmanager|secrets manager|secret store|secret version|key vault|keyvault"},
	{anIssuer | aClaim | aStd, 0, "iss|iss claim|issuer claim"},
	{anIssuer, 0, "issuer|issuers|issued by|émetteur|herausgeber|issuing authority|issued from"},
	{anAudience | aClaim | aStd, 0, "aud|aud claim|audience claim"},
	{anAudience, 0, "audience|audiences|payload audience|required audience|wrong recipient|intended for|meant for|target audience|publikum|resource indicator"},
	{aSubject | aClaim | aStd, 0, "sub|sub claim|subject claim"},
	{aSubject, 0, "subject"},
	{aNonce, 0, "nonce|nonces"},
	{aState, 0, "state parameter|oauth state|state cookie|state mismatch|state param|state value|invalid state|csrf state|authorization code|code verifier|pkce"},
	{aClaim, 0, "claim|claims|jti|jwt id|jwtid|token id|azp|email claim|tenant claim|payload field|claim set|authorized party|authorised party|issued for|payload value|groups claim|roles claim"},
	{aClaim | aStd, 0, "azp|jti|jwt id|token claims|jwt claims|standard claim*|registered claim*|required claim*|claim check|claims set|claims validation|missing claims|invalid claims"},
	{aClaim | aCustom, 0, "azp|bound claim*|custom claim*|authorized party|issued for|user claims|email claim|tenant claim|private claim*|groups claim|validation expression|' claim|token id|jti|jwt id|jwtid|hosted domain"},
	{aTime | anExpiry | aClaim | aStd, 0, "exp"},
	{anExpiry, 0, "expiry|expiration|expiration time|expires|expire|lifetime|validity period|expires at|expiresat|valid until|not after|time constraint*|exp date|expiration date|time to live|not on or after|expiry time"},
	{aTime | aNotBefore | aClaim | aStd, 0, "nbf"},
	{aNotBefore, 0, "not before|notbefore|activation time|valid from"},
	{aTime | anIssuedAt | aClaim | aStd, 0, "iat"},
	{anIssuedAt, 0, "issued at|issuedat|issue time|issuance time|issue date|issuance|issued"},
	{anAge, 0, "age|max age|maximum age|maxage|auth time|authtime|maxtokenage|freshness|issued too"},
	{aType, 0, "token type|token types|tokentype|typ|token use|type of token|typ header|token kind|type claim|tokenuse|token has wrong type|wrong type of token|wrong kind of token|wrong token"},
	{aType | isJWT, 0, "typ header*"},
	{aType, differs, "not an access token|not a refresh token|not an id token|not a valid access token|only access tokens|only refresh tokens|only non refresh|only id tokens|refresh token not allowed|refresh tokens are not|access tokens are not|id tokens are not|not a valid refresh token|is a refresh token|is an id token|is an access token|wrong token|used as access token|refresh token used"},
	{aRefresh, 0, "refresh token*|refreshtoken*"},
	{aKind, 0, "refresh token*|access token*|id token*|idtoken|accesstoken|refreshtoken|refresh"},
	{aHash | aClaim | isJWT, 0, "at hash|c hash|s hash|access token hash|code hash|at_hash"},
	{aHeader, 0, "authorization header|header|headers|authorization|cookie|cookies|auth header|query parameter|query string|metadata|request headers|in request|in the request|authorisation header"},
	{aHeader | isJWT, 0, "authorization header|auth header|authorization headers|authorisation header|authorization bearer|bearer header"},
	{aScheme, 0, "scheme|schema|prefix|auth scheme|authorization type|authentication type|auth type|bearer keyword|must start with|not bearer|not a bearer|header format|must be of the form|should be of the form|start with bearer|space delimited|bearer scheme|format is authorization|authorization bearer|bearer format|header value|bearer realm missing|starts with bearer|bearer type|'bearer' type"},
	{aForm, negated, "malformed|corrupt*|garbage|garbled|undecodable|unparseable|unparsable|ill formed|truncated|mangled"},
	{aForm | aShape, 0, "segment|segments|base64*|three parts|3 parts|five parts|5 parts|two parts|parts|sections|two dots|dots|dot|no dot|number of parts|compact serialization|compact form|compact format|not compact|compact jwt|compact jws|compact jwe|read compact|well formed|wellformed|utf 8|utf8|periods|period characters|delimiter*|json decode|illegal base64*|invalid character|unexpected end|wrong number"},
	{aForm | aShape, negated, "not a jwt|not a jwe|not a jws|not a valid jwt|not a valid jws|not a valid jwe|not jwt|not a json web token"},
	{aForm, 0, "decode|decoded|decoding|decoder|parse|parsed|parses|parsing|parser|deserializ*|deserialis*|unmarshal*|encoding|encoded|structure|not a jwt|not a valid jwt|syntax|padding|illegal character|serialized|serialization|serialisation|jwt string|jwt strings|whitespace|extra data|trailing data|json object|parseable|parsable|no payload|payload|stream closed|string length|improperly formatted"},
	{aForm | aDatatype, negated, "bad format|invalid format|wrong format|incorrect format|format error|invalid formatting"},
	{aForm | aDocument, 0, "json|html|xml document|content type|response body|body"},
	{aDatatype, 0, "number|numeric|integer|string|boolean|array|list|type|types|format|datatype|numericdate|numeric date|numeric data|uuid|positive|float64|int64|object|value is not a|exp value|nbf value|iat value|numericdata|datetime"},
	{aCritical, 0, "crit"},
	{aCritical | isJWT, 0, "critical header*|critical extension*|extension header|header parameter 'b64'|b64"},
	{aBinding | isJWT, 0, "dpop|d po p|cnf|proof of possession|certificate bound|sender constrained|mtls|m tls|proofofpossession|jkt|token binding|holder of key|confirmation claim|cnf claim|proof jwt|ath|htu|htm|bound certificate|certificate binding"},
	{anEncrypted, 0, "decrypt*|encrypted|ciphertext|cipher text|auth tag|authentication tag|content encryption|cek|decryption|key unwrap|unwrap|unwrapping|initialization vector|encrypted key"},
	{aDiscovery | isJWT, 0, "discovery|well known|openid configuration|open id configuration|openid configuration document|open id configuration document|openid metadata|provider configuration|openid provider metadata|oidc configuration|provider metadata|oidc metadata|authorization server metadata|discovery document|oidc provider|oidc discovery|issuer metadata|provider config|oauth metadata|oidc config"},
	{aScope | anAuth, denied, "insufficient scope*|missing scope*|missing required scope*|required scope*|not enough permissions|scope missing"},
	{aScope, 0, "scope|scopes|permission|permissions|role|roles|privilege|privileges|authorities|entitlement*|access rights|group membership|grants"},
	{aSession, 0, "session|sessions|oauth state|logon"},
	{aLogin, 0, "password|username|user name|login credentials|invalid credentials|passcode|mot de passe|passwort|contraseña|senha|identifiants|zugangsdaten|given credentials|user credentials|bad credentials|email or password|email not confirmed|email not verified|email is not verified|email address is not verified|wrong credentials|incorrect credentials|client authentication"},
	{aUser, 0, "user|account|subscriber|users|no active account|benutzer|utilisateur|usuario|usuário|member|identity not|resource owner|kein aktiver account|aucun compte"},
	{aConfig, 0, "config|configuration|configured|misconfigur*|option|options|setting|settings|callback|keyfunc|key function|key provider|environment variable|env var|initializ*|initialis*|middleware|validator|pipeline|clientid|client id|plugin|must call|must be configured|realm url|strategy|validationparameters*"},
	{aCertificate, 0, "certificate|certificates|x509|x.509|cert|x5c|certificate chain|ssl|tls|ca bundle"},
	{anIntrospection, 0, "introspection*|introspect|introspected|userinfo|user info|token endpoint|identity provider|idp|auth server|authorization server|auth service|authentication service|authentication backend|authentication server|auth backend|sts|oauth server|oidc server|authorization service|auth provider|token exchange|exchanging|code exchange"},
	{aCSRF, otherTrade, "csrf|xsrf|anti forgery|antiforgery|double submit"},

	{0, expired, "must be in the future|should be in the future|must be after now|must be later than|must be after the current|expired|has expired|is expired|no longer valid|past its expir*|past expir*|tokenexpired*|outdated|after expiry|is stale|already expired|is past|is in the past|was in the past|expires in the past|expiry is in the past|has lapsed|abgelaufen|abgelaufener|expiré|expirée|expirado|caducado|scaduto|verlopen|过期|已过期|期限切れ|만료|просрочен|истек|истёк|wygasł|süresi dol*|udløbet|expired at|timed out token|exp passed|exp is before|not fresh enough|past the exp*|exceeded its lifetime|time constraint failure|outlived"},
	{0, tooLate, "too late|used after|after exp|past exp|after its expir*|after the expir*|after expiration"},
	{0, tooEarly, "not yet valid|not valid yet|not active yet|not yet active|isn't active yet|immature*|premature*|before nbf|not yet usable|cannot be used before|can not be used before|not yet be used|used too early|too early|notyetvalid|not yet*|isn't valid yet|not be accepted before|accepted before|used before its|before not before|before valid time|only valid after|early by|before the nbf|is not valid before|valid only after|used before|isn't yet valid|becomes valid|not before check|nbf is in the future|future nbf|not be used before|before its activation|noch nicht gültig|not effective"},
	{0, inFuture, "should be in the past|must be in the past|not in the past|must be before now|must be before the current|was after the|after the indicated time|is later than|in the future|in future|at future|from the future|future|ahead of|before issued|before it was issued|before being issued|used before issued|before its issue*|prior to issue*|prior to iat|before iat|issued later|after now|greater than now|later than now|after current time|is after the current"},
	{0, tooOld, "too old|max age exceeded|maxage exceeded|max age|maximum age|older than|exceeds maximum age|exceeded the maximum|age limit|too long ago|too far in the past|age has exceeded|age exceed*|exceeds max*|exceeded max*|not recent enough|too stale|not fresh|fresh token required|fresh token|freshness|re authenticat*|reauthenticat*|last authentication|max lifetime"},
	{0, inactive, "not active|inactive|isn't active|no longer active|deactivated|disabled|is not active|suspended|blocked|banned|locked"},
	{0, revoked, "revoked|revocation|blacklist*|black listed|blocklist*|denylist*|deny list|black list|block list|blacklisted|invalidated|been logged out|has been disabled|been deactivated|banni|révoqué|widerrufen|revocado|revogado|отозван|黑名单|черный список|чёрный список|lista negra|sperrliste|吊销|撤销|has been withdrawn|was withdrawn|invalidated by|no longer active|token version"},
	{0, replayed, "replay|replayed|replays|already used|already been used|been used before|reused|reuse|re used|used more than once|used before by|jti already|jti has already|previously been validated|jti seen|duplicate jti|one time use|used twice|already consumed|previously used"},
	{0, isNone, "none|unsecured|not signed|plaintext jwt|alg none|nonealgorithm*|unsigned|is unsigned|must be signed|not be unsigned|unsigned jwt*|unsigned token*|without signature"},
	{0, unsupported, "unsupported|not supported|unimplemented|not implemented|unrecognized|unrecognised|no support|doesn't support|does not support|isn't supported|unknown algorithm|unknown alg|not recognized|not recognised|no such algorithm|unknown signature algorithm|unknown signing algorithm|unknown signing method|not available|unavailable|is unspecified|unknown critical|not understood|unknown enc*|unknown extension|cannot handle|can't handle|is unavailable"},
	{0, lacking, "must be present|is mandatory|credentials required|credentials are required|token required|token is required|jwt is required|missing|absent|empty|blank|not provided|not present|wasn't present|no present|none provided|not supplied|not specified|lacks|lacking|lack|not given|did not contain|does not contain|doesn't contain|didn't contain|not contain|doesn't have|does not have|did not have|do not have|has no|have no|contains no|contained no|contain no|with no|cannot be empty|can't be empty|must not be empty|must not be null|no token|no jwt|no algorithm|no bearer|no authorization|no authorisation|no credentials|no credential|no issued at|no not before|no exp|no nbf|no iat|no iss|no aud|no issuer|no audience|no claim|no claims|no kid|no signature|no auth|no access token|no id token|no subject|no valid|not included|not found in|needed|not passed|no expiration*|no expiry|without|no usable|no header|no scope|no sub|no algorithm|no alg|no typ|no type|none present|not sent|no nonce|no x5c|no payload|not attached|nothing in|no session|no secret|no refresh token|no recognizable|has not been set|fehlt|fehlend*|manquant*|falta|ausente|缺少|отсутствует|none was|not exist in|isn't present|isn't set|is not set|not set|no claim exists|could not find token|did not include|does not include|doesn't include|not extract*|no auth header|not in the jwt|not in the token|requires a user jwt|requires a bearer|requires a token|requires an id token|requires an access token|unregistered callers|0 tokens"},
	{0, lacking | unset, "undefined|is null|null|nil|is nil|is none"},
	{0, unset, "unset|not configured|not set|is not set|isn't configured|isn't set|must be configured|must be set|must be provided|must be specified|should be set|should be provided|not defined|must have a value|must not be null or empty|unconfigured|no keyfunc|not initialized|not initialised|uninitialized|cannot be null|must not be empty|cannot be empty|can not be empty|must provide|must not be nil|has not been configured|has not been set|not loaded|requires signing key|requires a secret|need to specify|please specify|please provide|please set|no secret|no signing key|no key configured|no keys configured|must specify|could not be loaded|requires a key|secret should be|undefined|needs to be set|must supply|must be supplied|no jwks provided|no issuer configured|no audience configured|secret required|secret is required|key is required|key required|lacks jwt secret|is empty|was empty|is blank|default credentials|not provided in config"},
	{0, holdsNo, "has no|contains no|contained no|contain no|lacks|lacking|did not contain|does not contain|doesn't contain|didn't contain|doesn't have|does not have|did not have|without|with no|have no|did not include|does not include"},
	{0, required, "required|requires|require|must have|must contain|must include|must be present|mandatory|must|should|must be|expected to|necessary|has to be|need"},
	{0, notFound, "not found|no matching|unable to find|could not find|cannot find|can't find|couldn't find|does not exist|doesn't exist|didn't exist|no such|no key|not in|found no|no suitable|no applicable|unresolvable|unable to resolve|could not be resolved|could not resolve|cannot resolve|can't resolve|none of the|none of|no public key|no public keys|no verification key|not known|isn't in|no keys|no signing key|unable to locate|failed to find|no jwk|no jwks|unable to match|failed to resolve|none found|nonexist*|lookup failed|lookup error|not registered|could not be found|cannot be found|can't be found|no resource|no pem|no key found|not located|not have key|doesn't have key|does not have key|did not match any keys|not match any key*|isn't available|is not available|no certificate|returned none|returned no|empty verification key|no key for|no longer exists|is gone|no known key|missing key|no keys found|unknown user|no key matches|no entry|not find|kein*|aucun*|no active account|keys tried|no key with|not be located|was not located"},
	{0, unknown, "unknown|not known|unrecognized|unrecognised|not recognized|not recognised|unfamiliar|unexpected"},
	{0, differs, "mismatch|mismatched|mismatches|mismatch*|not match|not matched|doesn't match|does not match|don't match|do not match|unexpected|wrong|different|differs|differ|not allowed|untrusted|not trusted|isn't trusted|not equal|doesn't equal|does not equal|not accepted|unacceptable|disallowed|not permitted|not one of|not in the list|incorrect|not the expected|not expected|did not match|didn't match|not among|not authorized for|is not for|isn't for|not whitelisted|not a whitelisted|not intended|not valid for|other than|not in allowed|forbidden algorithm|not acceptable|isn't allowed|must be one of|should be one of|!=|must equal|must match|must be equal|should match|inconsistent|not in audience|not be used for|not bound|not the same|not in whitelist|not in allow*|not signed by|conflicts|not found in aud|not found in audience|is invalid for|not contained in|not listed|expected one of|non matching|unmatched|not part of|not issued by|not issued for|issued for another|another audience|another issuer|dissimilar|unlike|not belong|doesn't belong|does not belong|not approved|not whitelisted|are not allowed|unapproved|not correct|unauthorized for|not enabled for|does not equal|not equals"},
	{0, expects, "expected|expecting|expects|but got|got|but was|instead of|wanted|want|but received|actual|should be|found"},
	{0, tooShort, "too short|too small|toosmall|too weak|weak|must be at least|should be at least|of at least|be at least|have at least|requires at least|minimum|shorter than|less than|insufficient length|insufficient key|bits long|not long enough|key size|key length|placeholder|default secret|insecure|too few|not secure enough|smaller than|key's size|greater than or equal|must be greater|insecurely short|short key|must be 256 bits|longer secret|size must be|bits or larger|not strong enough"},
	{0, tooLong, "too large|too long|larger than|exceeds the maximum size|too big|exceeds maximum size|oversized|longer than|too far in future|too far in the future|too far into the future|must not exceed"},
	{0, fetching, "fetch*|download*|retriev*|load|loading|loaded|connect|connecting|connection|refresh|refreshing|obtain*|get|getting|reach|resolve|read|reading|query|contact*|update|updating|http|https|call|calling|remote|endpoint|pull|sync|url|uri|request returned|response from|reload*|poll*|get keys|resolving|initializ*|init|request timed|http request|http response"},
	{0, broken, "timeout|timed out|time out|unreachable|connection refused|no such host|deadline exceeded|unavailable|503|502|500|504|404|dial tcp|i/o timeout|econnrefused|econnreset|enotfound|etimedout|eai again|connection reset|no response|non 200|non 2xx|status code|status=5*|socket hang up|network error|bad gateway|gateway timeout|name resolution|name or service not known|urlopen error|fail to fetch|getaddrinfo|server error|exhausted|tls handshake|unknown authority|unable to get|certificate verify failed|connect econn*|temporarily unavailable|request failed|connection error|failed to connect|could not connect|unable to connect|failed to fetch|could not fetch|unable to fetch|cannot fetch|unable to retrieve|failed to retrieve|could not retrieve|cannot retrieve|failed to download|unable to download|failed to get|could not get|cannot get|failed to load|unable to load|could not load|failed to obtain|unable to obtain|could not obtain|error fetching|error while fetching|while fetching|while retrieving|error when sending|error retrieving|error loading|error getting|error downloading|failed fetching|fetch failed|socket hang up|internal server error|service unavailable|fetch error|fetch is failed|fetching failed|retrieval error|retrieval failed|failed to refresh|could not refresh|unable to refresh|failed to query|failed to contact|unable to contact|unable to reach|could not reach|cannot reach|failed to reach|can't fetch|couldn't fetch|couldn't get|couldn't load|couldn't retrieve|isn't reachable|not reachable|request returned status|response status|http 5*|http 404|http error|expected 200*|lookup|failed to update|failed to initialize|failed to init|unexpected status|bad status|connectexception|unknownhost*|sockettimeout*|ssl error|eof|aborted request|error checking|get keys failed|is down|offline|returned status|unexpected http*|500 internal*|connection closed|service error"},
	{0, fails, "fail|failed|fails|failing|failure|error|errors|exception|unable|cannot|can't|can not|could not|couldn't|problem|unsuccessful|aborted|aborting|errored"},
	{0, checkFailed | fails, "validation failed|verification failed|check failed|failed validation|failed verification|validation error|validation failure|verification failure|verification error|could not be verified|could not be validated|validation fails|verification fails|check fails|failed to validate|failed to verify|check error|timestamp check failed|is not acceptable"},
	{0, negated, "invalid|invalids|invalidated|not valid|isn't valid|is not valid|aren't valid|not|bad|illegal|incorrect|wrong|reject*|not be verified|unverif*|untrusted|violat*|disallow*|inval|broken|faulty|never|tampered|forged|does not|doesn't|refus*|unacceptable|no longer|neither|won't|denied|unsafe|bogus|did not|didn't|isn't|aren't|wasn't|unusable|inconsistent|mangled|no good|bad|ungültig*|invalide|inválido|inválida|无效|無効|недейств*|no válido|ongeldig|nieprawidł*|geçersiz|non valido|invalid*|not verified|unverified|may not|no"},
	{0, denied, "unauthorized|unauthorised|unauthenticated|forbidden|denied|not authorized|not authenticated|not authorised|access denied|not logged in|permission denied|must be authenticated|authentication required|requires authentication|insufficient*|not allowed to|lacks permission|401|403|was not granted|not granted|not permitted to|rejected|not allowed|does not grant|authentication failed|authorization failed|auth failed|login failed|request failed authentication|request failed authorization"},
	{0, limited, "rate limit*|ratelimit*|too many requests|throttl*|quota|slow down|429|too many attempts|too many failed"},
	{0, several, "multiple|more than one|ambiguous|two tokens|duplicate|both|several"},
	{0, either | negated, "not valid for any"},
	{0, either | expired, "or expired|or has expired|or is expired|expired or"},
	{0, either, "or invalid|or is invalid|or revoked|or abgelaufen*|oder abgelaufen*|ou expir*|o ha expirado|o caducado|или просрочен|或已过期|または期限*|und abgelaufen|expired, or|revoked or|invalid, expired|expired, revoked|, expired,|and expired or|or otherwise invalid|e/ou|or malformed|malformed or|for other reasons|revoked, malformed"},

	{0, otherTrade, "ldap|sender|bounced|mailbox|volume claim*|volumeclaim*|pvc|insurance|warranty|signed cookie|proxy authentication|corporate proxy|path template|image|span name|metric|form token|idempotency*|compacted|column|cipher message|tokenization|nltk|gas|webhook*|coupon|voucher|api key|apikey|api keys|gpg|pgp|dnssec|license|licence|package|git|commit|artifact|csr|domain|subscription|trial|invitation|invite|invite link|card|payment|lease|leases|job|presigned|pre signed|signed url|smart contract|blockchain|transaction|bucket|ota|firmware|lexer|csv|saml|apk|push token|device token|registration token|fcm|apns|stripe|docusign|s3|sigv4|captcha|recaptcha|reset token|password reset|confirmation token|verification code|verification token|activation token|unsubscribe token|page token|continuation token|next token|sync token|cursor|challenge token|magic link|nlp|llm|prompt|max tokens|token limit|token count|tokens used|token bucket|rate limiter|token ring|ring token|token range|player token|bot token|deploy token|install token|join token|node token|ssh*|host key|gcloud|kubeconfig|cache key|cache entry|primary key|unlike key|unique key|duplicate key|key space|keyspace|sort key|partition key|object key|map key|hash key|registry key|product key|license key|s3 key|redis key|consul|ipsec|wireguard|vpn|wifi|otp|totp|mfa|sms|one time code|one time password|dhcp|ldap bind|kerberos ticket|ntp|certificate request|acme challenge|acme order|ocsp|crl|row|rows|index|partition|topic|offset|consumer group|heartbeat|pod|deployment|replica|ingress|configmap|volume|disk|inode|kernel|segfault|usb|tokenizer|stop token|special token|eos token|embedding|model|vocab|batch|epoch|loss|gpu|cuda|schema registry|avro|protobuf|sql|table|file not found|no such file|compile|compiler|linter|lint|unit|unit test|test suite|assertionerror|assertion failed|assertion error|todo|fixme|download|upload|checkout|cart|order|shipment|invoice|passport number|driver*|game|move|chess|template|request signature|message signature|method signature|function signature|type signature|signature block|document|pdf|contract|email signature|virus|malware|ids|snort|rpc signature|aws4|sigv2|svix|hmac verification failed for topic|slack|github webhook|x hub signature|state machine|state file|terraform|lock file|integrity|checksum|tarball|zip|tar|png|jpeg|block tag|wasm|descriptor|query|mutation|migrated|migration*|recovery code|backup code|delivery|tracking|seat|ticket|promo*|gift|reservation|booking|quote|certificate is|cookie banner|consent"},
	{0, unlike | elsewhere, "reset token*|password reset|device token*|push token*|registration token*|page token*|continuation token*|sync token*|form token*|idempotency token*|captcha token*|unsubscribe*|activation token*|confirmation token*|invitation token*|invite token*|invite link|player token*|bot token*|join token*|document signature*|jar signature*|package signature*|commit signature*|image signature*|webhook signature*|firmware signature*|method signature*|function signature*|type signature*|dkim signature*|changelog|docs:|how to handle|describe(|it('|error ts1*|error ts2*|ts2339*|snmp|aws4 hmac*|request signature we calculated|commit|i18n|in locale|translation*|pull request|unit test*|unit tests|cosign|dnssec|rrsig|gpg|kernel|coupon|voucher|licence|license|::test*|test case|completion:|'role':|assistant|query {|alembic*|running upgrade|expired column|token column|while pulling|send mail for"},
	{0, elsewhere, "opendkim*|spf|dmarc|claimant|adjuster|policyholder|campaign|newsletter|mainnet|testnet|erc20|wallet|account 0x*|cloning|cloned|git clone|collecting|whl|borrow of|moved value|shopping|claim amount|ssl do handshake|sslv3 alert|ido chip"},
	{0, elsewhere, "of required type|antivirus|failures total|status=expired|total{*|virus database|syntax error|syntaxerror|unexpected token|unrecognized token|invalid token at|unexpected character|token 'null'|lexer|tokenizer|changelog|i18n|dkim|dnssec|unbound|card payment|declined|preprocessor|clang|xml parsing|yaml|template syntax error|templatesyntax*|cloudfront|gpg|apt|cosign|nltk|wasm|slow query|metric descriptor|status expired|captcha|coupon|refresh tokens purged|purged|expired refresh tokens|expired sessions|max tokens|token limit|token indices|sigv4|presigned|signed cookie|webhook|x hub signature|request signature|s3 request|accesskeyid|access key id|secretaccesskey|form token|tokenization|idempotency|device token|push token|reset token|player token|traceparent|jsonparseexception|at position|near line|docker pull|image pull|pull access|imagepull*|npm err|npm warn|pip|maven|gradle|pull request|unit test|test case|tests passed|0 findings|operator before token|start any token|found invalid token|aws request id|returned by upstream|from upstream|by upstream|smtp*|imap|ftp|ssh|sshd|sudo|pam|postgres|mysql|psycopg*|sqlstate|jdbc|redis|mongo*|cassandra|kafka|zookeeper|rabbitmq connection|elasticsearch"},
	{0, success, "fetched 4*|fetched 5*|loaded 4*|loaded 5*|removed|purged|deleted|pruned|swept|evicted|cleaned up|success*|successfully|not expired|not revoked|signature valid|is valid until|still valid|still active|accepted|granted|minted|resolved from|up to date|enabled for|verified sub|token verified|signature verified|status good|authenticated token|is valid.|validated successfully|registered service|unchanged|status ok|returned 200|healthy|accessed by"},
	{0, hypothesis, "expires in|will expire|expiring|about to expire|expires on|expires after|check if|if the token|if you|for example|e.g.|example:|test|tests|spec|docs|documentation|migration|added|todo|how to|tutorial|passed|deprecated|feature|would|in case|whether|valid until|stays valid|scheduled|expires tomorrow|soon|step|guide|readme|usage:|default is|generate a"},
	{0, filler, "permission error|error detail*|errordetail*|error code*|error description*|error message*|error type*|error name*|errorname*|error uri*|token class|the|a|an|is|was|are|be|been|being|has|have|had|for|of|this|that|your|you|to|in|on|by|with|provided|given|supplied|specified|request|requests|it|its|at|as|and|or|due|because|while|when|during|message|msg|error|err|code|status|detail|details|description|error description|realm|api|http|www|authenticate|value|service|user|please|again|occurred|trying|attempting|attempt|from|validate|validating|validation|validated|verify|verifying|verification|verified|check|checking|checked|process|processing|handle|valid|client|server|reason|cause|type|name|level|warn|warning|info|warn|errors|exception|runtime|com|org|io|net|middleware|filter|handler|provider|manager|security|web|json|guard|der|die|das|ist|le|la|el|o|os|est|es|de|not|invalid|using|there|found|could|can|any|our|we|us|their|which|used|use|app|session|google|firebase|azure|keycloak|cognito|auth0|okta|opaque|raw|current|new|old|same|such|no|jwtauth|unit|one|two|must|should|only|all|some|each|every|another|because|if|when|got|received|presented|submitted|incoming|outgoing|access|refresh|id|identity|ws|websocket|grpc|rest|mqtt|sso|saml|gateway|downstream|upstream|internal|external|delegated|exchanged|parsed|decoded|signed|unsigned|encrypted|nested|inner|outer|expired|invalid|missing|malformed|bad"},
}

// vocabulary maps each word to its sense; a stem keeps its *.
func vocabulary() map[string]sense {
	v := map[string]sense{}
	for _, l := range lexicon {
		for w := range strings.SplitSeq(l.words, "|") {
			v[w] = v[w].and(sense{things: l.thing, signs: l.sign})
		}
	}
	return v
}

// weigh is what a word adds to the screen.
func (s sense) weigh() (w uint8) {
	const subjects = aToken | isJWT | anAuth | aSignature | aKeySet | aSecret | anIssuer | anAudience | aKeyID | aBinding | aDiscovery | aClaim | isCrypto | aScope | aLogin | aSession
	const complaints = expired | tooLate | tooEarly | inFuture | tooOld | inactive | revoked | replayed | isNone | unsupported | lacking | required | notFound | unknown | differs |
		tooShort | tooLong | broken | negated | denied | limited | several | unset
	if s.things&subjects != 0 {
		w |= weighSubject
	}
	if s.signs&complaints != 0 || s.things&(aForm|aLogin) != 0 {
		w |= weighComplaint
	}
	return w
}
