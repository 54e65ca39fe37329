package lab

import "time"

// Verb is what a step does.
type Verb string

// The verbs of a timeline, and what their Target is.
const (
	AddVersion     Verb = "add_version"     // secret: a new value, of the form Value
	EnableVersion  Verb = "enable_version"  // secret, Version
	DisableVersion Verb = "disable_version" // secret, Version
	DestroyVersion Verb = "destroy_version" // secret, Version
	Deploy         Verb = "deploy"          // service: a new revision, with Env laid over its variables and Set over its settings
	Restart        Verb = "restart"         // service: new instances of the same revision; those that cannot start try again, less and less often
	Scale          Verb = "scale"           // service: to Count instances; new ones read their secrets now, the oldest go first
	LoseIdentity   Verb = "lose_identity"   // job: calls without its identity token from now on

	StoreDown  Verb = "store_down"  // the Secret Manager answers nobody; no target
	StoreUp    Verb = "store_up"    // it answers again
	StoreDeny  Verb = "store_deny"  // service: its account loses access to secrets, by a change of the IAM policy
	StoreAllow Verb = "store_allow" // service: it gets it back

	AddKey     Verb = "add_key"     // service that publishes: one more key in the set
	UseKey     Verb = "use_key"     // … signs with its newest key from now on
	RemoveKey  Verb = "remove_key"  // … the oldest key leaves the set
	ReplaceKey Verb = "replace_key" // … the signing key is exchanged under the same kid
	Break      Verb = "break"       // …, or any service: Mode says how
	Mend       Verb = "mend"        // what was broken works again

	ClockAhead Verb = "clock_ahead" // service: its clock is By ahead from now on; 0 puts it right
	LogsStop   Verb = "logs_stop"   // service: its entries get lost from now on
	LogsResume Verb = "logs_resume" // service: they arrive again
	LogsHold   Verb = "logs_hold"   // no target: all entries of the next By arrive together, late
	Replay     Verb = "replay"      // service: Count refusals of a week ago arrive now
)

var verbs = []Verb{AddVersion, EnableVersion, DisableVersion, DestroyVersion, Deploy, Restart, Scale, LoseIdentity,
	StoreDown, StoreUp, StoreDeny, StoreAllow, AddKey, UseKey, RemoveKey, ReplaceKey, Break, Mend, ClockAhead, LogsStop, LogsResume, LogsHold, Replay}

// The modes of Break.
const (
	BreakKeySet   = "key_set"   // the key set and the discovery document answer 503
	BreakDocument = "document"  // … are a login page
	BreakEmptySet = "empty_set" // the key set has no key
	BreakSlow     = "slow"      // the key set takes 20 s
	BreakTokens   = "tokens"    // login and refresh answer 503
	BreakAll      = "all"       // everything answers 503
)

var breakModes = []string{BreakKeySet, BreakDocument, BreakEmptySet, BreakSlow, BreakTokens, BreakAll}

// Step is one line of a timeline.
type Step struct {
	At      time.Duration `yaml:"at"`
	Do      Verb          `yaml:"do"`
	Target  string        `yaml:"target"`
	Version string        `yaml:"version"`
	Value   ValueForm     `yaml:"value"`
	Count   int           `yaml:"count"`
	By      time.Duration `yaml:"by"`
	Mode    string        `yaml:"mode"`
	Env     []EnvVar      `yaml:"env"` // an EnvVar with nothing but a name removes the variable
	Set     Settings      `yaml:"set"`
	Note    string        `yaml:"note"`
	Decoy   bool          `yaml:"decoy"` // has nothing to do with any fault
}

// Variation is what a seed may change of a scenario. The zero value lets it
// change everything.
type Variation struct {
	Off bool `yaml:"off"` // nothing: every seed plays the file as it is
	// Tight keeps the distances between steps, and loses no entries: what
	// the scenario is about depends on them.
	Tight bool `yaml:"tight"`
}
