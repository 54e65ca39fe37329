package lab

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// problems places everything that keeps a scenario from being played, but for
// what could not be read anyway.
func (sc *Scenario) problems(doc *conf.Document, file string, own *Scenario, unread conf.Problems) conf.Problems {
	var out conf.Problems
	for _, fe := range sc.faults() {
		if !slices.ContainsFunc(unread, func(p conf.Problem) bool { return p.Path == "" || strings.HasPrefix(fe.Path, p.Path) }) {
			out = append(out, sc.place(doc, file, own, fe))
		}
	}
	return out
}

// check reports everything that keeps a scenario from being played.
func (sc *Scenario) check() error {
	var errs []error
	for _, fe := range sc.faults() {
		errs = append(errs, fmt.Errorf("scenario %s: %s: %s", sc.Name, fe.Path, fe.Msg))
	}
	return errors.Join(errs...)
}

// checker collects what is wrong with a scenario.
type checker struct {
	sc       *Scenario
	secrets  map[string]bool
	services map[string]*ServiceSpec
	jobs     map[string]bool
	out      []conf.FieldError
}

func (c *checker) bad(path, format string, args ...any) {
	c.out = append(c.out, conf.FieldError{Path: path, Msg: fmt.Sprintf(format, args...)})
}

func (c *checker) add(problems []conf.FieldError) { c.out = append(c.out, problems...) }

func (c *checker) wantService(name, path string) {
	if c.services[name] == nil {
		c.bad(path, "wanted the name of a service, found %s", conf.Quote(name))
	}
}

func (c *checker) wantSecret(name, path string) {
	if !c.secrets[name] {
		c.bad(path, "wanted the name of a secret, found %s", conf.Quote(name))
	}
}

func (c *checker) env(env []EnvVar, path string) {
	for i, v := range env {
		if v.Secret != "" {
			c.wantSecret(v.Secret, fmt.Sprintf("%s[%d].secret", path, i))
		}
	}
}

// faults returns what is wrong, by the path of the value.
func (sc *Scenario) faults() []conf.FieldError {
	c := &checker{sc: sc, secrets: map[string]bool{}, services: map[string]*ServiceSpec{}, jobs: map[string]bool{}}
	if sc.Name == "" || strings.ContainsAny(sc.Name, " \t") {
		c.bad("name", "wanted a name without blanks, found %s", conf.Quote(sc.Name))
	}
	c.add(conf.Between("duration", sc.Duration, time.Second, 7*24*time.Hour))
	c.projects()
	for _, s := range sc.Secrets {
		c.secrets[s.Name] = true
	}
	for i := range sc.Services {
		if s := &sc.Services[i]; c.services[s.Name] == nil {
			c.services[s.Name] = s
		} else {
			c.bad(fmt.Sprintf("services[%d].name", i), "wanted a name of its own, found %s twice", conf.Quote(s.Name))
		}
	}
	for i, s := range sc.Secrets {
		c.add(s.Value.problem(fmt.Sprintf("secrets[%d].value", i), c.secrets))
	}
	for i := range sc.Services {
		c.service(&sc.Services[i], fmt.Sprintf("services[%d]", i))
	}
	c.traffic(&sc.Traffic)
	for i := range sc.Timeline {
		c.step(&sc.Timeline[i], fmt.Sprintf("timeline[%d]", i))
	}
	c.delivery(&sc.Logs)
	for i, name := range sc.Probes.Live {
		c.wantService(name, fmt.Sprintf("probes.live[%d]", i))
	}
	c.expects(sc.Expect, "expect")
	for i, v := range sc.Variants {
		for j, w := range v.Without {
			c.add(conf.OneOf(fmt.Sprintf("variants[%d].without[%d]", i, j), w, append([]string{"probes", "domains"}, logNames...)...))
		}
		c.expects(v.Expect, fmt.Sprintf("variants[%d].expect", i))
	}
	return c.out
}

func (c *checker) projects() {
	if len(c.sc.Projects) == 0 {
		c.bad("projects", "wanted at least one project, found none")
	}
	for i, p := range c.sc.Projects {
		if p.ID == "" || p.Number == "" || len(p.Region) < 2 || p.Environment == "" {
			c.bad(fmt.Sprintf("projects[%d]", i), "wanted id, number, region and environment, found one of them missing")
		}
	}
}

func (c *checker) service(s *ServiceSpec, path string) {
	c.env(s.Env, path+".env")
	if s.Calls != "" {
		c.wantService(s.Calls, path+".calls")
	}
	for i, behind := range s.Gateway {
		c.wantService(behind, fmt.Sprintf("%s.gateway[%d]", path, i))
	}
	if s.Mints && len(s.Chain) == 0 && !s.Publishes {
		c.bad(path+".mints", "wanted a chain to take the signing secret from, or publishes, found neither")
	}
	if s.Logs != "" {
		c.add(conf.OneOf(path+".logs", string(s.Logs), string(LogText), string(LogJSON)))
	}
	if s.RunsOn != "" {
		c.add(conf.OneOf(path+".runs_on", string(s.RunsOn), string(CloudRun), string(GKE)))
	}
	if s.Library != "" {
		c.add(conf.OneOf(path+".library", s.Library, sortedKeys(dialects)...))
	}
	for i, n := range s.Noise {
		c.add(conf.Between(fmt.Sprintf("%s.noise[%d].share", path, i), n.Share, 0, 1))
	}
	c.settings(&s.Settings, path)
}

func (c *checker) settings(s *Settings, path string) {
	if s.Missing != "" {
		c.add(conf.OneOf(path+".missing", s.Missing, MissingStop, MissingRefuse, MissingGenerate, MissingFallback, MissingEmpty))
	}
	if s.Keys != "" && (c.services[s.Keys] == nil || !c.services[s.Keys].Publishes) {
		c.bad(path+".keys", "wanted a service that publishes, found %s", conf.Quote(s.Keys))
	}
	if s.Algorithm != "" {
		c.add(conf.OneOf(path+".algorithm", s.Algorithm, "HS256", "HS384", "HS512", "ES256", "RS256"))
	}
	for i, name := range s.Strips {
		c.wantService(name, fmt.Sprintf("%s.strips[%d]", path, i))
	}
	for i, what := range s.Lenient {
		c.add(conf.OneOf(fmt.Sprintf("%s.lenient[%d]", path, i), what, "none", "audience", "expiry"))
	}
	if s.Require != "" {
		c.add(conf.OneOf(path+".require", s.Require, "tenant"))
	}
}

func (c *checker) traffic(t *Traffic) {
	c.add(conf.Between("traffic.rate", t.Rate, 0, 1000))
	for i, call := range t.Calls {
		path := fmt.Sprintf("traffic.calls[%d]", i)
		c.wantService(call.Service, path+".service")
		c.add(conf.OneOf(path+".method", call.Method, "GET", "POST", "WS"))
	}
	if issuer := c.services[t.Issuer]; len(t.Calls)+len(t.Clients) > 0 && (issuer == nil || !issuer.Mints) {
		c.bad("traffic.issuer", "wanted a service that mints tokens, found %s", conf.Quote(t.Issuer))
	}
	if t.Through != "" {
		c.wantService(t.Through, "traffic.through")
	}
	for i, j := range t.Jobs {
		path := fmt.Sprintf("traffic.jobs[%d]", i)
		c.jobs[j.Name] = true
		c.wantService(j.Service, path+".service")
		if j.Every <= 0 {
			c.bad(path+".every", "wanted a duration above 0, found none")
		}
	}
	for i, x := range t.Clients {
		path := fmt.Sprintf("traffic.clients[%d]", i)
		c.wantService(x.Service, path+".service")
		var kinds []string
		for _, k := range clientKinds {
			kinds = append(kinds, string(k))
		}
		c.add(conf.OneOf(path+".kind", string(x.Kind), kinds...))
		c.add(conf.Between(path+".rate", x.Rate, 0, 10_000))
		c.add(conf.Between(path+".sources", x.Sources, 0, 50_000))
	}
}

func (c *checker) step(s *Step, path string) {
	switch s.Do {
	case AddVersion, EnableVersion, DisableVersion, DestroyVersion:
		c.wantSecret(s.Target, path+".target")
		c.add(s.Value.problem(path+".value", c.secrets))
	case Deploy, Restart, Scale, StoreDeny, StoreAllow, ClockAhead, LogsStop, LogsResume, Replay, Break, Mend:
		c.wantService(s.Target, path+".target")
		c.env(s.Env, path+".env")
		c.settings(&s.Set, path+".set")
	case AddKey, UseKey, RemoveKey, ReplaceKey:
		if issuer := c.services[s.Target]; issuer == nil || !issuer.Publishes {
			c.bad(path+".target", "wanted a service that publishes, found %s", conf.Quote(s.Target))
		}
	case StoreDown, StoreUp, LogsHold:
	case LoseIdentity:
		if !c.jobs[s.Target] {
			c.bad(path+".target", "wanted the name of a job, found %s", conf.Quote(s.Target))
		}
	default:
		var words []string
		for _, v := range verbs {
			words = append(words, string(v))
		}
		c.add(conf.OneOf(path+".do", string(s.Do), words...))
	}
	if s.Do == Break {
		c.add(conf.OneOf(path+".mode", s.Mode, breakModes...))
	}
	c.add(conf.Between(path+".at", s.At, 0, c.sc.Duration))
	c.add(conf.Between(path+".count", s.Count, 0, 10_000))
}

func (c *checker) delivery(d *Delivery) {
	for _, share := range []struct {
		path  string
		value float64
	}{{"logs.lose", d.Lose}, {"logs.duplicate", d.Duplicate}, {"logs.late", d.Late}} {
		c.add(conf.Between(share.path, share.value, 0, 1))
	}
	for i, w := range d.Without {
		c.add(conf.OneOf(fmt.Sprintf("logs.without[%d]", i), w, logNames...))
	}
}

func (c *checker) expects(list []Expect, path string) {
	for i := range list {
		e, at := &list[i], fmt.Sprintf("%s[%d]", path, i)
		if e.Cause == "" {
			c.bad(at+".cause", "wanted the id of a cause, found none")
		}
		for j, s := range e.Services {
			c.wantService(s, fmt.Sprintf("%s.services[%d]", at, j))
		}
		for j, r := range e.Reasons {
			if !r.Known() {
				c.bad(fmt.Sprintf("%s.reasons[%d]", at, j), "wanted a reason, found %s", conf.Quote(string(r)))
			}
		}
		for _, v := range []struct {
			path  string
			value analyzer.Verdict
		}{{at + ".at_least", e.AtLeast}, {at + ".at_most", e.AtMost}} {
			if v.value != "" {
				c.add(conf.OneOf(v.path, string(v.value), string(analyzer.Ambiguous), string(analyzer.Probable), string(analyzer.Confirmed)))
			}
		}
		if e.Severity != "" && !slices.Contains([]analyzer.Level{analyzer.LevelInfo, analyzer.LevelWarning, analyzer.LevelError, analyzer.LevelCritical}, e.Severity) {
			c.add(conf.OneOf(at+".severity", string(e.Severity), "info", "warning", "error", "critical"))
		}
	}
}

// complete fills in the defaults, in a copy.
func (sc Scenario) complete() Scenario {
	sc.Services = slices.Clone(sc.Services)
	for i := range sc.Services {
		s := &sc.Services[i]
		s.Instances = max(s.Instances, 1)
		s.TokenTTL = cmp.Or(s.TokenTTL, 5*time.Minute)
		s.Logs = cmp.Or(s.Logs, LogText)
		s.Library = cmp.Or(s.Library, "golang-jwt")
		s.Issuer, s.Audience = cmp.Or(s.Issuer, tokenIssuer), cmp.Or(s.Audience, tokenAudience)
		if s.Audiences == nil {
			s.Audiences = []string{tokenAudience}
		}
		if s.Algorithm == "" {
			if s.Algorithm = "HS256"; s.Publishes || s.Keys != "" {
				s.Algorithm = "ES256"
			}
		}
	}
	project := sc.Projects[0].ID
	sc.Traffic.Operator = cmp.Or(sc.Traffic.Operator, "kim@acme.example")
	sc.Traffic.Deployer = cmp.Or(sc.Traffic.Deployer, "deployer@"+project+".iam.gserviceaccount.com")
	return sc
}
