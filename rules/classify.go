package rules

import (
	"slices"
	"strconv"
	"strings"

	"github.com/why401/why401/analyzer"
)

// Classify says what one entry means. An exact rule decides before the
// generic layer, and both before the bare status of a request.
func (s *Set) Classify(e *analyzer.Entry) analyzer.Classification {
	rd := readings.Get().(*reading)
	defer readings.Put(rd)
	rd.reset()
	s.read(e, rd)
	c, _ := s.conclude(e, rd)
	return c
}

// conclude turns a reading into a classification. The winners are the matches
// that it rests on, primary first.
func (s *Set) conclude(e *analyzer.Entry, rd *reading) (c analyzer.Classification, winners []match) {
	winners = rd.decide()
	benign, success, strong := false, false, false
	for _, m := range winners {
		switch r := m.rule; {
		case r.Change != nil:
			if c.Change == nil {
				c.Change = r.Change.change(e, m.captures)
			}
		case r.Benign:
			benign = true
		case r.Success:
			success = true
		default:
			strong = strong || !r.weak() && !rd.family(m)
			adopt(&c, m)
			if c.Text == "" && m.part < len(rd.parts) {
				c.Text = rd.parts[m.part].Text
			}
		}
	}
	quiet := benign || success || c.Change != nil
	if !strong && !(quiet && len(c.Reasons) == 0) {
		s.generic(rd, winners, &c)
	}
	settle(e, &c, quiet, success)
	c.Stack = stackPart(e)
	return c, winners
}

// adopt adds what a match says. The first one names rule and library.
func adopt(c *analyzer.Classification, m match) {
	if len(c.Reasons) == 0 {
		c.Rule, c.Library, c.Match = m.rule.Name(), m.rule.Library(), analyzer.MatchExact
	}
	if !slices.Contains(c.Reasons, m.rule.Reason) {
		c.Reasons = append(c.Reasons, m.rule.Reason)
	}
	for k, v := range m.captures {
		if c.Captures == nil {
			c.Captures = map[string]string{}
		}
		if c.Captures[k] == "" {
			c.Captures[k] = v
		}
	}
}

// settle adds what stands beside the text: the status of a request, an empty
// CRITICAL entry, a token that the redactor had to take out.
func settle(e *analyzer.Entry, c *analyzer.Classification, quiet, success bool) {
	status := 0
	if e.HTTP != nil {
		status = e.HTTP.Status
	} else if len(c.Reasons) == 0 && !success {
		status = loggedStatus(e)
	}
	switch {
	case len(c.Reasons) == 0 && refusedStatus(status):
		c.Reasons, c.Rule, c.Match = []analyzer.Reason{analyzer.Unspecified}, "status/"+strconv.Itoa(status), analyzer.MatchExact
	case len(c.Reasons) == 0 && emptyCritical(e):
		c.Reasons, c.Rule, c.Match = []analyzer.Reason{analyzer.StartupEmptyCritical}, "startup/empty-critical", analyzer.MatchExact
	}
	switch {
	case c.Primary().Refusal():
		c.Outcome = analyzer.OutcomeRefused
	case success || status >= 100 && status < 400:
		c.Outcome = analyzer.OutcomeAccepted
	}
	if len(c.Reasons) > 0 || quiet || status != 0 {
		c.Unmatched = false
	}
	if tokenInLog(e) && len(c.Reasons) > 0 && !slices.Contains(c.Reasons, analyzer.TokenInLog) {
		c.Reasons = append(c.Reasons, analyzer.TokenInLog)
	}
}

func refusedStatus(status int) bool { return status == 401 || status == 403 }

// emptyCritical is a CRITICAL entry without a payload, as a container that
// dies before its logger is up leaves it.
func emptyCritical(e *analyzer.Entry) bool {
	return e.Severity >= analyzer.SeverityCritical && e.HTTP == nil && strings.TrimSpace(e.Message) == "" && len(e.Fields) == 0
}

// tokenInLog reports whether the redactor took a whole token out of the entry.
func tokenInLog(e *analyzer.Entry) bool {
	const mark = "[jwt alg="
	if strings.Contains(e.Message, mark) {
		return true
	}
	return slices.ContainsFunc(e.Fields, func(f analyzer.Field) bool { return strings.Contains(f.Value, mark) })
}

func itoa(n int) string { return strconv.Itoa(n) }

// change fills a ChangeRule's templates from the captures.
func (r *ChangeRule) change(e *analyzer.Entry, captures map[string]string) *analyzer.Change {
	fill := func(s string) string {
		for k, v := range captures {
			s = strings.ReplaceAll(s, "{"+k+"}", v)
		}
		return holePattern.ReplaceAllString(s, "")
	}
	c := &analyzer.Change{
		Kind: r.Kind, Target: fill(r.Target), Version: fill(r.Version), At: e.Time,
		By: principal(e), Evidence: analyzer.Excerpt(e.Message, 200),
	}
	if e.Origin != nil {
		c.Service, c.Project = e.Origin.Service, e.Origin.Project
		if c.Target == "" {
			c.Target, c.Version = e.Origin.Name, e.Origin.Revision
		}
	}
	detail := func(k, v string) {
		if v != "" {
			if c.Details == nil {
				c.Details = map[string]string{}
			}
			c.Details[k] = v
		}
	}
	for k, v := range r.Details {
		detail(k, fill(v))
	}
	if r.Kind == analyzer.RevisionDeployed {
		detail(analyzer.MountsDetail, mounts(e))
	}
	if r.Kind == analyzer.InstanceStarted && e.Origin != nil {
		detail(analyzer.InstanceDetail, e.Origin.Instance)
	}
	return c
}

// principal tells a person's hand from automation without naming either: a
// service account ends in gserviceaccount.com, and the redactor has already
// replaced any other address.
func principal(e *analyzer.Entry) string {
	who := e.Field("authenticationInfo.principalEmail")
	switch {
	case who == "":
		return ""
	case strings.Contains(who, "gserviceaccount"):
		return "automation"
	}
	return "person"
}
