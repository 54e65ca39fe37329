package lab

import "time"

// LogStyle is how a service writes its lines.
type LogStyle string

// LogText: plain lines on stderr, which carry neither severity nor trace.
// LogJSON: structured lines on stdout, with severity and trace.
const (
	LogText LogStyle = "text"
	LogJSON LogStyle = "json"
)

// RunsOn is where a service runs, which decides the form of its entries.
type RunsOn string

// CloudRun is the default. On GKE there is no front door that logs requests:
// the program writes an access line itself.
const (
	CloudRun RunsOn = "cloud_run"
	GKE      RunsOn = "gke"
)

// ServiceSpec describes a service. Its API is /v1/NAME.
type ServiceSpec struct {
	Name      string   `yaml:"name"`
	Project   string   `yaml:"project"`
	Instances int      `yaml:"instances"` // at least 1
	RunsOn    RunsOn   `yaml:"runs_on"`
	Logs      LogStyle `yaml:"logs"`    // text by default
	Library   string   `yaml:"library"` // whose words it logs: golang-jwt (the default), pyjwt, jsonwebtoken, spring-security
	Env       []EnvVar `yaml:"env"`
	Mints     bool     `yaml:"mints"`     // serves POST /login and /refresh
	Publishes bool     `yaml:"publishes"` // signs with key pairs, and serves the key set and the discovery document
	Calls     string   `yaml:"calls"`     // a POST to the API calls this service with the caller's token
	WebSocket bool     `yaml:"websocket"` // serves GET /ws, with 403 on a bad token
	Gateway   []string `yaml:"gateway"`   // it passes /v1/NAME of these services on
	NoHealth  bool     `yaml:"no_health"` // serves no /health/jwt
	// Invokers are the service accounts that may call the service; Cloud
	// Run itself refuses everybody else. None: everybody may.
	Invokers []string `yaml:"invokers"`
	Noise    []Noise  `yaml:"noise"`

	Settings
}

// Settings are what a deploy may change beside the variables: a step's set
// is laid over them for the new revision.
type Settings struct {
	// Chain names the variables that may hold the signing secret, the first
	// set one wins. A service with neither chain nor keys verifies no tokens.
	Chain []string `yaml:"chain"`
	// Accept names variables whose values are accepted in verification
	// beside the chain's: the previous secret, during a rotation.
	Accept []string `yaml:"accept"`
	// Reread is how often the secret is fetched anew, as from a mounted file
	// or a cache with a lifetime. 0: an instance keeps for life what it read
	// when it started.
	Reread time.Duration `yaml:"reread"`
	// Missing is what happens when no variable of the chain is set: stop (the
	// default), refuse everybody, generate a key, or fall back to a default.
	Missing string `yaml:"missing"`
	Trim    bool   `yaml:"trim"`    // white space around the secret is cut off
	Decode  bool   `yaml:"decode"`  // the secret is decoded from base64
	Minimum int    `yaml:"minimum"` // bytes of a secret below which the program complains at start, and goes on

	Keys      string        `yaml:"keys"`       // the service whose key set verifies tokens, instead of a chain
	KeyCache  time.Duration `yaml:"key_cache"`  // how long a key set is kept; 0: for the life of the instance
	NoRefetch bool          `yaml:"no_refetch"` // a kid that is not in the copy does not make it fetch the set again, which it else does at most every 30 s
	// Warmup is how long after its start an instance takes traffic without
	// having its keys.
	Warmup time.Duration `yaml:"warmup"`

	Algorithm string        `yaml:"algorithm"`  // that it signs with and accepts; default HS256, or ES256 with key pairs
	Issuer    string        `yaml:"issuer"`     // the iss that it writes and wants
	Audience  string        `yaml:"audience"`   // the aud that it wants
	Audiences []string      `yaml:"audiences"`  // what it writes; default acme-api
	TokenTTL  time.Duration `yaml:"token_ttl"`  // of what it mints; default 5 minutes
	ExpiresIn time.Duration `yaml:"expires_in"` // what it tells clients of that; default the truth
	Leeway    time.Duration `yaml:"leeway"`
	Require   string        `yaml:"require"`  // a claim without which a token is refused
	Claims    []string      `yaml:"claims"`   // further claims that it writes
	ExpText   bool          `yaml:"exp_text"` // writes exp as text, which RFC 7519 forbids
	Lenient   []string      `yaml:"lenient"`  // lets through: none (alg none), audience, expiry
	Role      bool          `yaml:"role"`     // wants a role, and answers 403 to users who lack it
	Silent    bool          `yaml:"silent"`   // refuses without a word
	Fallback  bool          `yaml:"fallback"` // asks a second authenticator when the first refuses, which takes the partner's tokens

	Strips    []string `yaml:"strips"`     // services before which the gateway loses the Authorization header
	MaxHeader int      `yaml:"max_header"` // bytes of Authorization that the gateway passes on; what is longer is cut
	Padding   int      `yaml:"padding"`    // bytes of claims in the tokens of every tenth user
}

// What a program does when it has no secret.
const (
	MissingStop     = "stop"
	MissingRefuse   = "refuse"
	MissingGenerate = "generate"
	MissingFallback = "fallback"
	MissingEmpty    = "empty" // goes on with the empty value
)

// Noise is what a service says or answers now and then that has nothing to do
// with its own authentication.
type Noise struct {
	Share    float64 `yaml:"share"`    // of requests
	Status   int     `yaml:"status"`   // answered instead; 0: the request goes on
	Text     string  `yaml:"text"`     // the line
	Severity string  `yaml:"severity"` // of a structured line; default INFO
}

// Client is a caller that is no ordinary user.
type Client struct {
	Name    string        `yaml:"name"`
	Kind    ClientKind    `yaml:"kind"`
	Service string        `yaml:"service"` // whose API it calls
	Rate    float64       `yaml:"rate"`    // calls per second
	From    time.Duration `yaml:"from"`
	For     time.Duration `yaml:"for"`     // 0: to the end
	Sources int           `yaml:"sources"` // addresses that it comes from; default 1
	Path    string        `yaml:"path"`    // default the service's API
	Agent   string        `yaml:"agent"`
}

// ClientKind is what a Client sends.
type ClientKind string

// The kinds of client.
const (
	ClientStuck   ClientKind = "stuck"   // one token that expired hours ago
	ClientForeign ClientKind = "foreign" // a sound token of another issuer, with a kid of its own
	ClientForger  ClientKind = "forger"  // a new token with a random signature (and kid) each time
	ClientScanner ClientKind = "scanner" // alg none, jku, kid with a path
	ClientBot     ClientKind = "bot"     // no token at all
	ClientLoad    ClientKind = "load"    // one dummy token
	ClientPhones  ClientKind = "phones"  // Sources users wake up at From with expired tokens, renew them and go on
	ClientRace    ClientKind = "race"    // Sources users whose app sends five calls at once when its token has expired, then renews it
	ClientWrong   ClientKind = "wrong"   // what is no JWT: undefined, null, an opaque token
)

var clientKinds = []ClientKind{ClientStuck, ClientForeign, ClientForger, ClientScanner, ClientBot, ClientLoad, ClientPhones, ClientRace, ClientWrong}
