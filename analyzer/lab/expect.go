package lab

import (
	"time"

	"github.com/why401/why401/analyzer"
)

// Expect is the true cause of something that goes wrong, and what a good
// analyzer makes of it with what the scenario lets it see.
type Expect struct {
	Cause    analyzer.Cause   `yaml:"cause"`    // the true one
	Or       []analyzer.Cause `yaml:"or"`       // names that say the same of this platform
	Services []string         `yaml:"services"` // that it hits
	// Reasons are those of the requests that the services refuse for it; none
	// when it refuses nobody.
	Reasons []analyzer.Reason `yaml:"reasons"`
	From    time.Duration     `yaml:"from"` // no request is refused for it before
	// AtLeast and AtMost bound the verdict at the end; empty: probable to
	// confirmed. Ambiguous at most means that evidence is withheld: the true
	// cause has to be among the candidates, and a next probe is named.
	AtLeast  analyzer.Verdict `yaml:"at_least"`
	AtMost   analyzer.Verdict `yaml:"at_most"`
	Severity analyzer.Level   `yaml:"severity"` // at least; empty: warning, unless the verdict is of an info cause
	// BeforeRefusal wants the incident before the first refused user: probes
	// can see the fault, and the timeline gives them a round to do so.
	BeforeRefusal bool `yaml:"before_first_refusal"`
}

// Withheld reports whether the evidence is meant not to suffice.
func (e *Expect) Withheld() bool { return e.AtMost == analyzer.Ambiguous }

// Right reports whether a cause is the true one.
func (e *Expect) Right(c analyzer.Cause) bool {
	if c == e.Cause {
		return true
	}
	for _, o := range e.Or {
		if c == o {
			return true
		}
	}
	return false
}

// Delivery is what becomes of entries on their way to the analyzer. Shares
// are of 1.
type Delivery struct {
	Lose      float64       `yaml:"lose"`      // of request and application lines
	Duplicate float64       `yaml:"duplicate"` // delivered twice
	Late      float64       `yaml:"late"`      // delivered up to LateBy later
	LateBy    time.Duration `yaml:"late_by"`
	// Without are the logs that the sink does not export at all: requests,
	// app, system, audit.
	Without []string `yaml:"without"`
}

// ProbePlan is when probes look.
type ProbePlan struct {
	Off   []string      `yaml:"off"`   // kinds that are off; "all" for every one
	From  time.Duration `yaml:"from"`  // the first round
	Every time.Duration `yaml:"every"` // between two rounds; default 1 minute
	Live  []string      `yaml:"live"`  // services that may be sent canaries that are valid for a minute
}

// Variant is a scenario with less to see, and what follows.
type Variant struct {
	Name string `yaml:"name"`
	// Without: probes, domains (no key domain is declared), and the logs of
	// Delivery.Without.
	Without []string `yaml:"without"`
	Expect  []Expect `yaml:"expect"` // instead of the scenario's
}

// Variations returns the scenario as it is and then its variants, each a
// scenario of its own, named NAME/VARIANT.
func (sc Scenario) Variations() []Scenario {
	out := []Scenario{sc}
	out[0].Variants = nil
	for _, v := range sc.Variants {
		c := sc
		c.Name, c.Variants = sc.Name+"/"+v.Name, nil
		for _, w := range v.Without {
			switch w {
			case "probes":
				c.Probes.Off = []string{"all"}
			case "domains":
				c.Probes.Off, c.Undeclared = []string{"all"}, true
			default:
				c.Logs.Without = append(c.Logs.Without[:len(c.Logs.Without):len(c.Logs.Without)], w)
			}
		}
		if v.Expect != nil {
			c.Expect = v.Expect
		}
		out = append(out, c)
	}
	return out
}
