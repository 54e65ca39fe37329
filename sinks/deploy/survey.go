package deploy

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Survey is what is known of a platform before why401 watches it: enough to
// write its first configuration.
type Survey struct {
	Project, Subscription string
	Environments          map[string]string // project id or namespace: environment
	PepperFile            string
	Services              []Surveyed

	externals map[string]string // Kubernetes secret: what it is filled from
}

// Surveyed is one service.
type Surveyed struct {
	Name, Environment, Namespace, URL string
	Secrets                           []Mounted // in the order of the manifest
	JWKS, Discovery, Issuer           string
	Audiences                         []string
}

// Mounted is one reference of a service to a secret.
type Mounted struct {
	Variable string // empty: a file
	Secret   string // short name, projects/P/secrets/S, env:NAME or file:PATH
	Cluster  bool   // it is a secret of Kubernetes, which is filled from elsewhere
	Tokens   bool   // it is known to sign or verify tokens, whatever its name
}

// ofTokens tells the secrets that sign or verify tokens from all others.
var ofTokens = regexp.MustCompile(`(?i)jwt|jws|jwk|hmac|(?:token|sign(?:ing|ature)?|auth|session|cookie)[-_.]?(?:secret|key)|^secret[-_]key(?:[-_]base)?$`)

// Add adds a service, or what more is known of one that is there.
func (s *Survey) Add(f Surveyed) {
	if f.Namespace != "" && f.Environment != "" {
		if s.Environments == nil {
			s.Environments = map[string]string{}
		}
		s.Environments[f.Namespace] = f.Environment
	}
	for i := range s.Services {
		old := &s.Services[i]
		if old.Name != f.Name || old.Environment != f.Environment && old.Environment != "" && f.Environment != "" {
			continue
		}
		old.Environment, old.URL = or(old.Environment, f.Environment), or(old.URL, f.URL)
		old.JWKS, old.Discovery, old.Issuer = or(old.JWKS, f.JWKS), or(old.Discovery, f.Discovery), or(old.Issuer, f.Issuer)
		for _, m := range f.Secrets {
			if !slices.Contains(old.Secrets, m) {
				old.Secrets = append(old.Secrets, m)
			}
		}
		return
	}
	s.Services = append(s.Services, f)
}

func (s *Survey) external(name, key string) {
	if s.externals == nil {
		s.externals = map[string]string{}
	}
	s.externals[name] = key
}

// domain is a group of services that share a secret or an issuer.
type domain struct {
	name, environment, secret string
	filled                    string   // a secret of Kubernetes that nobody says where it is filled from
	like                      Surveyed // JWKS, Discovery, Issuer
	audiences                 []string
	services                  []*Surveyed
}

// domains groups the services; rest are those that share nothing that could
// be seen.
func (s *Survey) domains() (out []domain, rest []string) {
	at := map[string]int{}
	join := func(key string, d domain, f *Surveyed) *domain {
		i, ok := at[key]
		if !ok {
			i = len(out)
			at[key], out = i, append(out, d)
		}
		if !slices.Contains(out[i].services, f) {
			out[i].services = append(out[i].services, f)
		}
		return &out[i]
	}
	for i := range s.Services {
		f := &s.Services[i]
		joined := false
		for _, m := range f.Secrets {
			if !m.Tokens && !ofTokens.MatchString(m.Variable) && !ofTokens.MatchString(lastOf(m.Secret)) {
				continue
			}
			d := domain{name: lastOf(m.Secret), environment: f.Environment}
			if m.Cluster && s.externals[m.Secret] == "" {
				d.filled = m.Secret
			} else {
				d.secret = s.reference(m.Secret)
				d.name = lastOf(d.secret)
			}
			join("secret "+f.Environment+" "+d.secret+" "+d.filled, d, f)
			joined = true
		}
		if from := cmp.Or(f.JWKS, f.Discovery, f.Issuer); from != "" {
			d := join("issuer "+f.Environment+" "+from, domain{name: hostOf(from), environment: f.Environment, like: *f}, f)
			for _, a := range f.Audiences {
				if !slices.Contains(d.audiences, a) {
					d.audiences = append(d.audiences, a)
				}
			}
			joined = true
		}
		if !joined {
			rest = append(rest, f.Name)
		}
	}
	slices.SortStableFunc(out, func(a, b domain) int {
		return cmp.Or(cmp.Compare(a.environment, b.environment), cmp.Compare(a.name, b.name))
	})
	return out, rest
}

// reference is a secret as the configuration names it: with its project, where
// that is known.
func (s *Survey) reference(secret string) string {
	ref := or(s.externals[secret], secret)
	if !strings.ContainsAny(ref, "/:") && s.Project != "" {
		ref = "projects/" + s.Project + "/secrets/" + ref
	}
	ref, _, _ = strings.Cut(ref, "/versions/")
	return ref
}

// lastOf is the short name of a secret.
func lastOf(ref string) string { return ref[strings.LastIndexAny(ref, "/:")+1:] }

func hostOf(address string) string {
	host := strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	return host
}

// plainScalar is text that YAML reads as itself, without quotes.
var plainScalar = regexp.MustCompile(`^[A-Za-z_/][A-Za-z0-9_./@-]*(?::(?://)?[A-Za-z0-9_./@-]+)*$`)

// scalar is text as one word of YAML. The escapes of Go are among those of
// YAML.
func scalar(text string) string {
	switch strings.ToLower(text) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return strconv.Quote(text)
	}
	if plainScalar.MatchString(text) {
		return text
	}
	return strconv.Quote(text)
}

// comment is text that ends no comment.
func comment(text string) string { return strings.Trim(strconv.Quote(text), `"`) }

func words(list []string) string {
	out := make([]string, len(list))
	for i, w := range list {
		out[i] = scalar(w)
	}
	return "[" + strings.Join(out, ", ") + "]"
}

// Write writes a configuration with a comment wherever a person must decide.
// schema is the address of its JSON Schema.
func (s *Survey) Write(w io.Writer, schema string) error {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# yaml-language-server: $schema=%s", schema)
	line("# Configuration of why401. See whether it is right: why401 check config -c FILE;")
	line("# what the deployment lacks: why401 doctor -c FILE.\n")
	if s.Project != "" {
		line("source:\n  pubsub:\n    project: %s", scalar(s.Project))
		line("    subscription: %s # made by: why401 setup gcp --project=%s --apply\n", scalar(or(s.Subscription, "why401")), comment(s.Project))
	} else {
		line("# Where the entries come from; made by: why401 setup gcp --project=PROJECT --apply")
		line("# source:\n#   pubsub: {project: PROJECT, subscription: why401}\n")
	}
	line("store:\n  path: why401.db # SQLite; a restart goes on where it stopped\n")
	if len(s.Environments) > 0 {
		line("# Project ids and namespaces, and the environment that each belongs to.\nenvironments:")
		for _, name := range slices.Sorted(maps.Keys(s.Environments)) {
			line("  %s: %s", scalar(name), scalar(s.Environments[name]))
		}
		line("")
	}
	s.writeDomains(line)
	if s.PepperFile != "" {
		line("probes:\n  pepper_file: %s # shared with the services' /health/jwt: lets what they hold be compared", scalar(s.PepperFile))
	} else {
		line("# probes:\n#   pepper_file: /etc/why401/pepper # shared with the services' /health/jwt: lets what they hold be compared")
	}
	line("#   allow_private: [10.0.0.0/8] # networks of the services, where their addresses are private\n")
	line("# Who is told of incidents.\n# sinks:\n#   - {kind: slack, url: env:SLACK_URL}\n")
	line("web:\n  listen: 127.0.0.1:9401 # the page and /metrics; beyond loopback only behind authentication")
	_, err := io.WriteString(w, b.String())
	return err
}

func (s *Survey) writeDomains(line func(string, ...any)) {
	all, rest := s.domains()
	if len(all) == 0 {
		line("# Services that share one secret or one issuer.\n# key_domains:\n#   - name: jwt-main\n#     secret: projects/PROJECT/secrets/jwt-main")
		list := "{name: auth, signs: true}, {name: orders}"
		if len(rest) > 0 {
			list = "{name: " + strings.Join(rest, "}, {name: ") + "}"
		}
		line("#     services: [%s]\n", comment(list))
		return
	}
	line("# Services that share one secret or one issuer. Say signs: true of the one that\n# mints the tokens.\nkey_domains:")
	for i := range all {
		all[i].write(line)
	}
	if len(rest) > 0 {
		line("# Seen, and not known to share a secret or an issuer with others:\n#   %s", comment(strings.Join(rest, ", ")))
	}
	line("")
}

func (d *domain) write(line func(string, ...any)) {
	line("  - name: %s", scalar(d.name))
	for _, kv := range [][2]string{{"environment", d.environment}, {"secret", d.secret}, {"jwks", d.like.JWKS}, {"discovery", d.like.Discovery}, {"issuer", d.like.Issuer}} {
		if kv[1] != "" {
			line("    %s: %s", kv[0], scalar(kv[1]))
		}
	}
	if len(d.audiences) > 0 {
		line("    audiences: %s", words(d.audiences))
	}
	if d.filled != "" {
		line("    # secret: projects/PROJECT/secrets/NAME # what the Kubernetes secret %s is filled from", comment(d.filled))
	}
	line("    # token_ttl: 15m # longest life of a token: so long must an old version stay enabled\n    services:")
	for _, f := range d.services {
		line("      - name: %s", scalar(f.Name))
		if f.URL != "" {
			line("        url: %s", scalar(f.URL))
		}
		var chain []string
		for _, m := range f.Secrets {
			if m.Variable != "" && d.secret+d.filled != "" && (lastOf(m.Secret) == d.name || ofTokens.MatchString(m.Variable)) && !slices.Contains(chain, m.Variable) {
				chain = append(chain, m.Variable)
			}
		}
		if len(chain) > 1 {
			line("        env: %s # in the order of the manifest: put the one first that wins", words(chain))
		} else if len(chain) == 1 {
			line("        env: %s", words(chain))
		}
	}
}
