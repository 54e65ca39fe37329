package sinks

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/analyzer/conf"
)

// Config is one place that alerts go to. Which keys it takes depends on its
// kind; those that every kind takes come first.
//
// What is secret is never written here: such a key takes env:NAME or
// file:PATH and is read again for every attempt, so that a rotated one works
// at once.
type Config struct {
	Kind        string         `yaml:"kind"`         // a key of the map kinds
	Name        string         `yaml:"name"`         // in metrics and logs; the kind by default
	MinSeverity analyzer.Level `yaml:"min_severity"` // less severe alerts are left out; see each kind for its default
	Timeout     time.Duration  `yaml:"timeout"`      // of one attempt; 10 s
	Simulate    bool           `yaml:"simulate"`     // only log what would have been sent

	URLs     []string      `yaml:"urls"`                   // alertmanager: every instance
	URL      string        `yaml:"url" secret:"true"`      // slack, webhook: where to post
	Key      string        `yaml:"key" secret:"true"`      // pagerduty: routing key
	Token    string        `yaml:"token" secret:"true"`    // alertmanager, webhook: bearer token
	Username string        `yaml:"username"`               // alertmanager, webhook, email
	Password string        `yaml:"password" secret:"true"` // alertmanager, webhook, email
	Resend   time.Duration `yaml:"resend"`                 // alertmanager: between two repeats of what stands; 30 s
	Watchdog bool          `yaml:"watchdog"`               // alertmanager: an alert that always fires and ends when we get stuck
	Template string        `yaml:"template"`               // webhook: text/template of the body
	Type     string        `yaml:"content_type"`           // webhook: of the body
	Host     string        `yaml:"host"`                   // email: host:port of the SMTP server
	From     string        `yaml:"from"`                   // email
	To       []string      `yaml:"to"`                     // email
	TLS      string        `yaml:"tls"`                    // email: starttls, tls or none
	Endpoint string        `yaml:"endpoint"`               // pagerduty, cloudlogging: another API address than the usual one
	Project  string        `yaml:"project"`                // cloudlogging: Google Cloud project; without it JSON lines go to stdout
	Log      string        `yaml:"log"`                    // cloudlogging: name of the log; why401-alerts
}

// kind is what a word of Config.Kind stands for: the keys it takes, what it
// demands of them and how it sends.
type kind struct {
	keys  []string
	min   analyzer.Level // default of min_severity
	check func(*Config) []conf.FieldError
	open  func(*Config, *Outside) ([]outlet, error)
}

// kinds are the places that alerts can go to, one line each. Nobody changes
// the map at run time.
var kinds = map[string]kind{
	"alertmanager": {[]string{"urls", "token", "username", "password", "resend", "watchdog"}, analyzer.LevelInfo, checkAlertmanager, openAlertmanager},
	"cloudlogging": {[]string{"project", "log", "endpoint"}, analyzer.LevelInfo, checkCloudLogging, openCloudLogging},
	"email":        {[]string{"host", "from", "to", "username", "password", "tls"}, analyzer.LevelWarning, checkEmail, openEmail},
	"pagerduty":    {[]string{"key", "endpoint"}, analyzer.LevelError, checkPagerDuty, openPagerDuty},
	"slack":        {[]string{"url"}, analyzer.LevelWarning, checkSlack, openSlack},
	"webhook":      {[]string{"url", "token", "username", "password", "template", "content_type"}, analyzer.LevelWarning, checkWebhook, openWebhook},
}

// Kinds lists the words that Config.Kind takes.
func Kinds() []string { return slices.Sorted(maps.Keys(kinds)) }

var namePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9_.-]{0,39}$`)

// Validate returns everything that is wrong with c.
func (c Config) Validate() []conf.FieldError {
	if c.Kind == "" {
		return []conf.FieldError{{Path: "kind", Msg: "wanted one of " + strings.Join(Kinds(), ", ") + ", found nothing", Hint: "write - {kind: slack, url: env:SLACK_URL}"}}
	}
	out := conf.OneOf("kind", c.Kind, Kinds()...)
	if len(out) > 0 {
		return out
	}
	k := kinds[c.Kind]
	set := c.set()
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if set[key] && !slices.Contains(k.keys, key) {
			out = append(out, conf.FieldError{Path: key, Msg: "kind " + c.Kind + " does not take this key", Hint: "it takes " + strings.Join(k.keys, ", ")})
		}
	}
	if c.Name != "" && !namePattern.MatchString(c.Name) {
		out = append(out, conf.FieldError{Path: "name", Msg: "wanted at most 40 small letters, digits, - _ or ., found " + conf.Quote(c.Name), Hint: "write " + c.Kind + "-2"})
	}
	if c.MinSeverity != "" {
		out = append(out, conf.OneOf("min_severity", string(c.MinSeverity), "info", "warning", "error", "critical")...)
	}
	if c.Timeout != 0 {
		out = append(out, conf.Between("timeout", c.Timeout, 100*time.Millisecond, time.Minute)...)
	}
	for key, ref := range map[string]string{"url": c.URL, "key": c.Key, "token": c.Token, "password": c.Password} {
		if ref != "" && !isReference(ref) {
			out = append(out, conf.FieldError{Path: key, Msg: "wanted env:NAME or file:PATH, found something else", Hint: "a secret does not belong into a configuration file: put it into a variable and write env:NAME"})
		}
	}
	return append(out, k.check(&c)...)
}

// set tells which keys of kinds were given.
func (c *Config) set() map[string]bool {
	return map[string]bool{
		"urls": len(c.URLs) > 0, "url": c.URL != "", "key": c.Key != "", "token": c.Token != "", "username": c.Username != "", "password": c.Password != "", "resend": c.Resend != 0,
		"watchdog": c.Watchdog, "template": c.Template != "", "content_type": c.Type != "", "host": c.Host != "", "from": c.From != "", "to": len(c.To) > 0, "tls": c.TLS != "",
		"endpoint": c.Endpoint != "", "project": c.Project != "", "log": c.Log != "",
	}
}

// Names returns a problem for every name that two sinks share, with paths
// below sinks.
func Names(all []Config) []conf.FieldError {
	var out []conf.FieldError
	seen := map[string]int{}
	for i, c := range all {
		name := c.name()
		if first, ok := seen[name]; ok && c.Kind != "" {
			out = append(out, conf.FieldError{Path: fmt.Sprintf("sinks[%d]", i), Msg: fmt.Sprintf("wanted a name of its own, found %q, which sinks[%d] has", name, first), Hint: "write name: " + c.Kind + "-2"})
		}
		seen[name] = i
	}
	return out
}

func (c *Config) name() string {
	if c.Name != "" {
		return c.Name
	}
	return c.Kind
}

// missing returns a problem for a key that the kind cannot do without.
func (c *Config) missing(key, wanted string) []conf.FieldError {
	if c.set()[key] {
		return nil
	}
	return []conf.FieldError{{Path: key, Msg: "wanted " + wanted + ", found nothing"}}
}

// loginProblems checks the ways to say who we are.
func (c *Config) loginProblems() []conf.FieldError {
	switch {
	case c.Token != "" && c.Username != "":
		return []conf.FieldError{{Path: "token", Msg: "wanted either a token or a user name, found both", Hint: "remove one of them"}}
	case c.Username == "" && c.Password != "":
		return []conf.FieldError{{Path: "username", Msg: "wanted the name that belongs to the password, found nothing"}}
	case c.Username != "" && c.Password == "":
		return []conf.FieldError{{Path: "password", Msg: "wanted env:NAME or file:PATH, found nothing"}}
	}
	return nil
}

// addressProblem checks a URL that is no secret.
func addressProblem(path, text string) []conf.FieldError {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return []conf.FieldError{{Path: path, Msg: "wanted an http or https URL, found " + conf.Quote(text), Hint: "write http://HOST:PORT"}}
	case u.User != nil:
		return []conf.FieldError{{Path: path, Msg: "wanted a URL without user and password", Hint: "give username and password beside it"}}
	case u.RawQuery != "" || u.Fragment != "":
		return []conf.FieldError{{Path: path, Msg: "wanted a URL without query and fragment, found " + conf.Quote(text)}}
	}
	return nil
}
