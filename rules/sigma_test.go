package rules

import (
	"regexp"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// parsedSigma is what a reader of Sigma needs of a rule.
type parsedSigma struct {
	Title, ID, Status, Level string
	Logsource                map[string]string
	Detection                map[string]any
}

// finds reads a list of keywords as Sigma does: each one anywhere in the text,
// whatever the case, with * for anything and ? for one character.
func finds(t *testing.T, list any, text string) bool {
	t.Helper()
	for _, k := range list.([]any) {
		var expr strings.Builder
		expr.WriteString("(?is)")
		word := k.(string)
		for i := 0; i < len(word); i++ {
			switch c := word[i]; {
			case c == '\\' && i+1 < len(word):
				i++
				expr.WriteString(regexp.QuoteMeta(word[i : i+1]))
			case c == '*':
				expr.WriteString(".*")
			case c == '?':
				expr.WriteString(".")
			default:
				expr.WriteString(regexp.QuoteMeta(word[i : i+1]))
			}
		}
		if regexp.MustCompile(expr.String()).MatchString(text) {
			return true
		}
	}
	return false
}

// TestSigmaFindsTheExamples reads every exported rule as a SIEM would: it is
// valid, its id is its own, and it finds an example of the rule.
func TestSigmaFindsTheExamples(t *testing.T) {
	ids := map[string]string{}
	uuid := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	terms := regexp.MustCompile(`\b(?:texts|fields|with|without)\b`)
	found, missed := 0, []string{}
	for _, r := range load(t).Rules() {
		if r.Reason == "" {
			if _, err := r.Sigma(); err == nil {
				t.Errorf("%s means %s and was exported", r.Name(), r.Meaning())
			}
			continue
		}
		out, err := r.Sigma()
		if err != nil {
			t.Fatal(err)
		}
		var p parsedSigma
		if err := yaml.Unmarshal(out, &p); err != nil {
			t.Fatalf("%s: %v\n%s", r.Name(), err, out)
		}
		if !uuid.MatchString(p.ID) || ids[p.ID] != "" {
			t.Errorf("%s: id %s is no UUID, or also that of %q", r.Name(), p.ID, ids[p.ID])
		}
		ids[p.ID] = r.Name()
		if p.Title == "" || p.Logsource["product"] == "" || p.Level == "" {
			t.Errorf("%s lacks a title, a product or a level:\n%s", r.Name(), out)
		}
		condition, _ := p.Detection["condition"].(string)
		named := terms.FindAllString(condition, -1)
		if len(named) != len(p.Detection)-1 {
			t.Errorf("%s: condition %q does not name each of %d parts", r.Name(), condition, len(p.Detection)-1)
		}
		if len(r.Where) > 0 {
			continue
		}
		hit := false
		for _, x := range r.Examples {
			hit = hit || finds(t, p.Detection["texts"], x) && (len(r.With) == 0 || finds(t, p.Detection["with"], x)) && (len(r.Not) == 0 || !finds(t, p.Detection["without"], x))
		}
		if hit {
			found++
		} else {
			missed = append(missed, r.Name())
		}
	}
	if len(missed) > 0 {
		t.Errorf("%d rules find an example, %d find none as Sigma reads them: %v", found, len(missed), missed[:min(len(missed), 20)])
	}
}
