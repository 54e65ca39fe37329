package rules

import (
	"crypto/sha1"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/why401/why401/analyzer"
)

// sigmaRule is a rule in the Sigma format (SigmaHQ specification 2.0).
type sigmaRule struct {
	Title          string        `yaml:"title"`
	ID             string        `yaml:"id"`
	Status         string        `yaml:"status"`
	Description    string        `yaml:"description"`
	References     []string      `yaml:"references"`
	Author         string        `yaml:"author"`
	Tags           []string      `yaml:"tags,omitempty"`
	Logsource      yaml.MapSlice `yaml:"logsource"`
	Detection      yaml.MapSlice `yaml:"detection"`
	FalsePositives []string      `yaml:"falsepositives"`
	Level          string        `yaml:"level"`
}

// Sigma prints the rule as a Sigma rule for a SIEM: its texts as keywords,
// with wildcards where they have holes, its with and not beside them, and its
// where as fields of the payload. It fails for rules that tell of no finding.
// Sigma has no way to say that one rule yields to another, nor that a text
// stands at the end of a line, so that it finds what the rule finds and more.
func (r *Rule) Sigma() ([]byte, error) {
	if r.Reason == "" {
		return nil, fmt.Errorf("export %s: wanted a rule with a reason, found one that means %s", r.Name(), r.Meaning())
	}
	detection := yaml.MapSlice{}
	condition := []string{}
	add := func(name string, what any, term string) {
		detection = append(detection, yaml.MapItem{Key: name, Value: what})
		condition = append(condition, term)
	}
	if len(r.Text) > 0 {
		add("texts", keywords(r.Text), "texts")
	}
	if len(r.Where) > 0 {
		fields := yaml.MapSlice{}
		for _, path := range slices.Sorted(maps.Keys(r.Where)) {
			fields = append(fields, yaml.MapItem{Key: sigmaField(path), Value: wildcards(r.Where[path])})
		}
		add("fields", fields, "fields")
	}
	if len(r.With) > 0 {
		add("with", keywords(r.With), "with")
	}
	if len(r.Not) > 0 {
		add("without", keywords(r.Not), "not without")
	}
	detection = append(detection, yaml.MapItem{Key: "condition", Value: strings.Join(condition, " and ")})
	out := sigmaRule{
		Title: analyzer.Excerpt(fmt.Sprintf("%s: %s", strings.ReplaceAll(string(r.Reason), "_", " "), r.Name()), 256), ID: sigmaID(r.Name()), Status: "experimental",
		Description: fmt.Sprintf("%s says that authentication failed: %s. Read in %s.", r.Library(), r.Reason, strings.Join(nonEmpty(r.pack.Source, r.Source), "; ")),
		References:  references(r.pack.Source), Author: "why401", Tags: sigmaTags[r.Reason],
		Logsource: yaml.MapSlice{{Key: "category", Value: "application"}, {Key: "product", Value: r.pack.Language}, {Key: "service", Value: idOf(r.Library())}},
		Detection: detection, FalsePositives: []string{"Clients that present old, foreign or damaged tokens in ordinary use"}, Level: sigmaLevel(r.Reason),
	}
	b, err := yaml.MarshalWithOptions(out, yaml.IndentSequence(true))
	if err != nil {
		return nil, fmt.Errorf("export %s: %w", r.Name(), err)
	}
	return b, nil
}

// sigmaSpace is the name space of the rules' ids: a UUID (RFC 9562, version 5)
// of the rule's full name, so that an export names a rule as the last one did.
var sigmaSpace = [16]byte{0x6b, 0xa7, 0xb8, 0x12, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}

func sigmaID(name string) string {
	h := sha1.New()
	h.Write(sigmaSpace[:])
	h.Write([]byte("why401/" + name))
	u := h.Sum(nil)[:16]
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

func keywords(texts []string) []string {
	out := make([]string, 0, len(texts))
	for _, t := range texts {
		if k := wildcards(t); !slices.Contains(out, k) {
			out = append(out, k)
		}
	}
	return out
}

// wildcards writes a template as a Sigma value: holes become *, quotes, which
// the fold takes for one another, become ?, and what Sigma would read as a
// wildcard is escaped.
func wildcards(template string) string {
	body := strings.TrimSuffix(strings.TrimPrefix(template, "^"), "$")
	var b strings.Builder
	at := 0
	fixed := func(s string) {
		for i := 0; i < len(s); i++ {
			switch c := s[i]; c {
			case '\\': // one, or two inside JSON; none before a quote
				if i+1 < len(s) && s[i+1] != '"' && s[i+1] != '\'' {
					b.WriteByte('*')
				}
			case '*', '?':
				b.WriteByte('\\')
				b.WriteByte(c)
			case '"', '\'', '`':
				b.WriteByte('?')
			default:
				b.WriteByte(c)
			}
		}
	}
	for _, m := range holePattern.FindAllStringIndex(body, -1) {
		fixed(body[at:m[0]])
		b.WriteByte('*')
		at = m[1]
	}
	fixed(body[at:])
	return b.String()
}

// sigmaField is where a field of a rule's where stands in an exported
// LogEntry.
func sigmaField(path string) string {
	switch path {
	case "resource.type", "severity":
		return path
	case "log":
		return "logName"
	case "message":
		return "jsonPayload.message"
	case "status":
		return "httpRequest.status"
	}
	return "jsonPayload." + path
}

// sigmaTags are the techniques of MITRE ATT&CK that a refusal may be the trace
// of: forged web credentials, stolen application tokens, unsecured
// credentials.
var sigmaTags = map[analyzer.Reason][]string{
	analyzer.BadSignature: {"attack.credential-access", "attack.t1606"}, analyzer.AlgNoneRejected: {"attack.credential-access", "attack.t1606"},
	analyzer.AlgorithmMismatch: {"attack.credential-access", "attack.t1606"}, analyzer.ReplayedToken: {"attack.lateral-movement", "attack.t1550.001"},
	analyzer.RevokedToken: {"attack.lateral-movement", "attack.t1550.001"}, analyzer.TokenInLog: {"attack.credential-access", "attack.t1552"},
}

func sigmaLevel(r analyzer.Reason) string {
	switch r {
	case analyzer.AlgNoneRejected, analyzer.TokenInLog, analyzer.ReplayedToken:
		return "high"
	case analyzer.BadSignature, analyzer.AlgorithmMismatch, analyzer.CriticalHeaderUnsupported, analyzer.ProofOfPossessionFailed, analyzer.MissingSecret,
		analyzer.WeakSecret, analyzer.SecretLoadFailed, analyzer.JWKSInvalid, analyzer.CertificateInvalid:
		return "medium"
	case analyzer.ExpiredToken, analyzer.MissingToken, analyzer.SessionExpired, analyzer.Unspecified:
		return "informational"
	}
	return "low"
}

// references are the repositories that a pack's source names, as links.
func references(source string) []string {
	out := []string{}
	for word := range strings.FieldsSeq(source) {
		word = strings.Trim(word, ",;:()")
		if owner, repo, ok := strings.Cut(strings.TrimPrefix(word, "github.com/"), "/"); ok && strings.HasPrefix(word, "github.com/") && owner != "" {
			repo, _, _ = strings.Cut(repo, "/")
			if link := "https://github.com/" + owner + "/" + repo; !slices.Contains(out, link) {
				out = append(out, link)
			}
		}
	}
	if len(out) == 0 {
		out = append(out, "https://github.com/why401/why401")
	}
	return out
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(s string) bool { return s == "" })
}
