package web

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/why401/why401/analyzer"
)

// words are what templates say things with.
var words = template.FuncMap{
	"t":       func(v any) string { return plain(fmt.Sprint(v)) },
	"num":     humanize.Comma,
	"percent": percent,
	"stamp":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
	"clock":   func(t time.Time) string { return t.UTC().Format("15:04") },
	"day":     func(t time.Time) string { return t.UTC().Format("Jan 2, 15:04") },
	"iso":     func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
	"ago":     ago,
	"since":   func(now, t time.Time) string { return ago(now.Sub(t)) },
	"kind":    func(k analyzer.ChangeKind) string { return strings.ReplaceAll(string(k), "_", " ") },
	"join":    func(list []string) string { return plain(strings.Join(list, ", ")) },
	"count":   count,
	"status":  statusWord,
	"sign":    statusSign,
	"tone":    tone,
	"minus":   func(a, b int) int { return a - b },
}

func percent(share float64) string {
	switch p := share * 100; {
	case p == 0:
		return "0 %"
	case p < 0.1:
		return "< 0.1 %"
	case p < 10:
		return fmt.Sprintf("%.1f %%", p)
	default:
		return fmt.Sprintf("%.0f %%", p)
	}
}

// ago is a span in the two largest units.
func ago(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", max(0, int(d.Seconds())))
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%d h %d min", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%d d %d h", int(d.Hours())/24, int(d.Hours())%24)
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// signs tell statuses apart without a colour; the rest of a word is for those
// who cannot see them.
var signs = map[analyzer.Status]string{analyzer.StatusOK: "✓", analyzer.StatusWarn: "▲", analyzer.StatusFail: "✕", analyzer.StatusUnknown: "?", "": "–"}

// statusWord is a status for the eye and for the ear.
func statusWord(s analyzer.Status) template.HTML {
	return template.HTML(`<span class="sign" aria-hidden="true">` + signs[s] + `</span> ` + spoken(s)) //nolint:gosec // words of ours
}

// statusSign is the same where there is no room for the word.
func statusSign(s analyzer.Status) template.HTML {
	return template.HTML(`<span aria-hidden="true">` + signs[s] + `</span><span class="ear">` + spoken(s) + `</span>`) //nolint:gosec // words of ours
}

// spoken is a status in a word of ours, whatever s holds.
func spoken(s analyzer.Status) string {
	if signs[s] == "" || s == "" {
		return "not looked at"
	}
	return string(s)
}

// tone is the class of a severity.
func tone(l analyzer.Level) string {
	switch l {
	case analyzer.LevelCritical, analyzer.LevelError:
		return "bad"
	case analyzer.LevelWarning:
		return "warn"
	}
	return "info"
}

// silence is a link to the form for a new silence that fits an incident's
// alert and no other.
func silence(base string, in *analyzer.Incident, alerts []analyzer.Alert) string {
	if base == "" {
		return ""
	}
	matchers := []string{fmt.Sprintf("alertname=%q", analyzer.AlertName), fmt.Sprintf("incident=%q", in.ID)}
	for _, a := range alerts {
		if a.Labels["incident"] == in.ID {
			matchers = []string{fmt.Sprintf("alertname=%q", a.Labels["alertname"]), fmt.Sprintf("incident=%q", in.ID)}
		}
	}
	return base + "/#/silences/new?filter=" + url.QueryEscape("{"+strings.Join(matchers, ",")+"}")
}

// hashOf names an inline style sheet in a content security policy.
func hashOf(data []byte) string {
	sum := sha256.Sum256(data)
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}
