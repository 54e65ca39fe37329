package rules

import (
	"maps"
	"slices"
	"strings"

	"github.com/why401/why401/analyzer"
)

// Explanation shows how an entry came to its classification.
type Explanation struct {
	Fields         []FieldRead    // of the payload, in its order
	Redacted       map[string]int // what the redactor put in place of values, and how often
	Frames         int            // lines of stack frames that were peeled off
	Texts          []Text         // the innermost cause of a chain first
	Tried          []Tried
	Classification analyzer.Classification
}

// FieldRead is one field of a payload and what it is to the rules.
type FieldRead struct {
	Path, Value string // redacted
	Use         FieldUse
}

// Text is one text of the entry as the rules read it: redacted and peeled.
type Text struct {
	Path string
	Text string
}

// Tried is one rule whose words stood in the entry.
type Tried struct {
	Rule     string
	Template string
	Verdict  string // "decides", "agrees", "gives way to a stronger rule", …
}

// Explain classifies e and keeps what it looked at on the way.
func (s *Set) Explain(e *analyzer.Entry) Explanation {
	rd := newReading()
	s.read(e, rd)
	x := Explanation{Redacted: map[string]int{}}
	for _, f := range e.Fields {
		x.Fields = append(x.Fields, FieldRead{f.Path, f.Value, useOf(e, f)})
		x.countMarks(f.Value)
	}
	if len(e.Fields) == 0 {
		x.countMarks(e.Message)
	}
	_, frames := peel(parts(e))
	x.Frames = strings.Count(strings.TrimSuffix(frames, "\n")+"\n", "\n")
	if frames == "" {
		x.Frames = 0
	}
	for _, p := range rd.parts {
		x.Texts = append(x.Texts, Text(p))
	}
	all := slices.Clone(rd.matches)
	c, winners := s.conclude(e, rd)
	x.Classification = c
	for _, m := range all {
		t := Tried{Rule: m.rule.Name(), Template: m.template, Verdict: "gives way: another match contains it or says more"}
		for i, w := range winners {
			if w.rule == m.rule && w.lo == m.lo && w.part == m.part {
				t.Verdict = "agrees"
				if i == 0 {
					t.Verdict = "decides"
				}
			}
		}
		x.Tried = append(x.Tried, t)
	}
	seen := map[*Rule]bool{}
	for _, m := range all {
		seen[m.rule] = true
	}
	for _, cd := range rd.cand {
		if !seen[cd.rule] {
			seen[cd.rule] = true
			x.Tried = append(x.Tried, Tried{cd.rule.Name(), cd.template.text, "does not fit: only a part of its words stands here, or its conditions do not hold"})
		}
	}
	return x
}

// marks are what the redactor leaves, by how they begin.
var marks = []string{"[jwt", "[secret]", "[sub]", "[email]", "[cookie]", "[pem ", "[redacted]"}

func (x *Explanation) countMarks(text string) {
	for _, m := range marks {
		if n := strings.Count(text, m); n > 0 {
			x.Redacted[strings.Trim(m, "[] ")] += n
		}
	}
}

// Untold says what a text of reason r cannot tell, however clear it is: what
// needs other entries, other services or a probe.
func Untold(r analyzer.Reason) string {
	if s := untold[r]; s != "" {
		return s
	}
	if r == "" {
		return ""
	}
	return "which side has to change, and since when it is so"
}

var untold = map[analyzer.Reason]string{
	analyzer.BadSignature:          "whose key differs, the signer's or the verifier's, and since when: a rotation, a stale process, another environment's secret, a stray newline and a forged token read alike",
	analyzer.KeyNotFound:           "whether the key was never published, is published and not fetched yet, or was withdrawn too early",
	analyzer.ExpiredToken:          "whether the client failed to refresh or the verifier's clock is ahead",
	analyzer.NotYetValid:           "whose clock is wrong, the issuer's or the verifier's",
	analyzer.IssuedInFuture:        "whose clock is wrong, the issuer's or the verifier's",
	analyzer.IssuerMismatch:        "whether the verifier is configured for another issuer, or the token is of another environment",
	analyzer.AudienceMismatch:      "whether the verifier's audience is wrong or the client asked for a token of another service",
	analyzer.AlgorithmMismatch:     "whether the issuer has changed its algorithm or a caller tries another one",
	analyzer.MissingToken:          "whether the client sent no token or something on the way took it",
	analyzer.MalformedToken:        "whether the client sent something else or something on the way cut the token",
	analyzer.JWKSUnavailable:       "whether the issuer is down or the way to it is closed from here",
	analyzer.IssuerDiscoveryFailed: "whether the issuer is down or the way to it is closed from here",
	analyzer.MissingSecret:         "whether the secret is not deployed or the service looks for it under another name",
	analyzer.SecretLoadFailed:      "whether others can read the same secret",
	analyzer.Unspecified:           "the reason itself: look for other entries of the same trace, or let the service log more",
}

// CaptureNames lists the names of captures in order.
func CaptureNames(captures map[string]string) []string {
	return slices.Sorted(maps.Keys(captures))
}
