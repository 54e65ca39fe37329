package healthjwt

import "time"

// Version is the version of the protocol that this package speaks.
const Version = 1

// Answer is the body of GET /health/jwt.
type Answer struct {
	Status    string     `json:"status"` // healthy, degraded or unhealthy
	Details   Details    `json:"details"`
	Extension *Extension `json:"why401,omitempty"` // only for a signed request
}

// The values of Answer.Status.
const (
	Healthy   = "healthy"
	Degraded  = "degraded"
	Unhealthy = "unhealthy"
)

// Details is the agreed shape of a JWT health answer.
type Details struct {
	JWTSecretAvailable bool `json:"jwt_secret_available"`
	SecretLengthValid  bool `json:"secret_length_valid"`
	// CrossServiceConsistency is a claim: a service sees only itself. It is
	// false when the service's own sources contradict each other.
	CrossServiceConsistency bool      `json:"cross_service_consistency"`
	LastValidated           time.Time `json:"last_validated"`
}

// Extension is what a signed request gets beside the agreed shape. It holds
// names, times and fingerprints, never a value nor a length.
type Extension struct {
	Version  int       `json:"version"`
	Nonce    string    `json:"nonce"`
	Instance string    `json:"instance"` // random for each process unless the service names it
	Started  time.Time `json:"started"`  // when the process began
	Now      time.Time `json:"now"`      // the service's clock
	Secrets  []State   `json:"secrets"`
	Settings *Settings `json:"settings,omitempty"`
	// MintSeconds is how long it took to sign and verify a token, MintError
	// the class of what went wrong: sign or verify.
	MintSeconds float64 `json:"mint_seconds,omitempty"`
	MintError   string  `json:"mint_error,omitempty"`
}

// State is what a service tells of one secret.
type State struct {
	Name        string            `json:"name"` // the variable or file that it came from
	Role        string            `json:"role"` // current: signs or verifies; previous: still accepted
	Kind        string            `json:"kind"` // hmac, rsa, ec or ed25519
	Source      string            `json:"source"`
	Chain       []Variable        `json:"chain,omitempty"` // the declared precedence and what it met
	Loaded      time.Time         `json:"loaded"`
	LoadSeconds float64           `json:"load_seconds"`
	Length      map[string]string `json:"length"`      // algorithm: ok or too_short
	Present     string            `json:"present"`     // the source now: same, differs, gone or unread
	Fingerprint string            `json:"fingerprint"` // empty: the value in use cannot be seen
}

// Variable is one name of the precedence chain.
type Variable struct {
	Name  string `json:"name"`
	State string `json:"state"` // wins, same, differs, empty or absent
}

// The words of State and Variable.
const (
	RoleCurrent  = "current"
	RolePrevious = "previous"

	LengthOK = "ok"
	TooShort = "too_short"

	Same    = "same"
	Differs = "differs"
	Gone    = "gone"
	Unread  = "unread"
	Wins    = "wins"
	Empty   = "empty"
	Absent  = "absent"
)

// Settings is what a service wants of a token.
type Settings struct {
	Algorithms    []string `json:"algorithms,omitempty"`
	Issuer        string   `json:"issuer,omitempty"`
	Audiences     []string `json:"audiences,omitempty"`
	LeewaySeconds float64  `json:"leeway_seconds"`
}
