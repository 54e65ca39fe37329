package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"
)

// A carrier is a text in which a credential reaches a log.
type carrier struct {
	name string
	fill func(cred string) string
}

// readCarriers reads testdata/carriers.txt, whose lines are texts with
// {c} for the credential, {q} for its percent-encoded form, in sections that say what is put there.
func readCarriers(t testing.TB) map[string][]carrier {
	text, err := os.ReadFile("testdata/carriers.txt")
	if err != nil {
		t.Fatal(err)
	}
	sections, section := map[string][]carrier{}, ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if title, ok := strings.CutPrefix(line, "# "); ok {
			section, _, _ = strings.Cut(title, ":")
			continue
		}
		if line == "" {
			continue
		}
		if !strings.Contains(line, "{c}") && !strings.Contains(line, "{q}") {
			t.Fatalf("carriers.txt: nothing to fill in %q", line)
		}
		sections[section] = append(sections[section], carrier{line, func(c string) string {
			return strings.NewReplacer("{c}", c, "{q}", url.QueryEscape(c), "{nl}", "\n").Replace(line)
		}})
	}
	for section, more := range coded {
		sections[section] = append(sections[section], more...)
	}
	return sections
}

// coded are the carriers that encode or print what they carry.
var coded = map[string][]carrier{
	"token": {
		{"%2E", func(c string) string { return "t=" + strings.ReplaceAll(c, ".", "%2E") }},
		{"%252E", func(c string) string { return "t=" + strings.ReplaceAll(c, ".", "%252E") }},
		{`\u002e`, func(c string) string { return `"` + strings.ReplaceAll(c, ".", `\u002e`) + `"` }},
		{"wrapped", func(c string) string { return wrap(c, 76, "\n") }},
		{"wrapped at 64", func(c string) string { return wrap(c, 64, "\r\n") }},
		{"wrapped, escaped", func(c string) string { return quoteJSON(wrap(c, 64, "\n")) }},
		{"wrapped mail", func(c string) string { return wrap(c, 72, "=\r\n") }},
		{"line per segment", func(c string) string { return strings.ReplaceAll(c, ".", ".\n") }},
		{"base64", func(c string) string { return "x=" + base64.StdEncoding.EncodeToString([]byte(c)) }},
		{"base64url", func(c string) string { return base64.RawURLEncoding.EncodeToString([]byte(c)) }},
		{"hex", func(c string) string { return hex.EncodeToString([]byte(c)) }},
		{"cut in two", func(c string) string { return c[:max(0, len(c)-30)] + "..." }},
		{"cut short", func(c string) string { return c[:min(len(c), strings.IndexByte(c, '.')+25)] + "..." }},
		{"second half", func(c string) string { return c[min(len(c), strings.IndexByte(c, '.')+5):] }},
		{"quoted by Go", func(c string) string { return fmt.Sprintf("parse %q", "a\t"+c) }},
	},
	"credential": {
		{"query escaped", func(c string) string { return "GET /cb?id_token=" + url.QueryEscape(c) + "&state=1" }},
		{"query in query", func(c string) string {
			return "/login?next=" + url.QueryEscape("/cb?access_token="+url.QueryEscape(c)+"&a=1")
		}},
		{"Go header map", func(c string) string {
			return fmt.Sprint(http.Header{"Authorization": {"Bearer " + c}, "Accept": {"*/*"}})
		}},
		{"Go header map, quoted", func(c string) string { return fmt.Sprintf("%q", http.Header{"Authorization": {"Bearer " + c}}) }},
		{"Go header map, typed", func(c string) string { return fmt.Sprintf("%#v", http.Header{"X-Api-Key": {c}, "Accept": {"*/*"}}) }},
		{"Go error chain", func(c string) string {
			err := fmt.Errorf("parse %q: %w", "Bearer "+c, errors.New("token is malformed"))
			return fmt.Errorf("authenticate: verify: %w", err).Error()
		}},
		{"Go URL error", func(c string) string {
			return (&url.Error{Op: "Get", URL: "https://x.example/?access_token=" + url.QueryEscape(c), Err: errors.New("EOF")}).Error()
		}},
		{"base64 of a header", func(c string) string {
			return "raw: " + base64.StdEncoding.EncodeToString([]byte("Authorization: Bearer "+c+strings.Repeat(" ", 40)))
		}},
		{"basic", func(c string) string {
			return "Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("app:"+c))
		}},
	},
	"secret": {
		{"JSON", func(c string) string { return toJSON(map[string]string{"client_secret": c, "n": "1"}) }},
		{"JSON once quoted", func(c string) string { return quoteJSON(toJSON(map[string]string{"client_secret": c})) }},
		{"JSON twice quoted", func(c string) string { return quoteJSON(quoteJSON(toJSON(map[string]string{"secret": c, "x": "1"}))) }},
		{"JSON three times quoted", func(c string) string {
			return quoteJSON(quoteJSON(quoteJSON(toJSON(map[string]string{"password": c}))))
		}},
		{"form", func(c string) string {
			return "body: " + url.Values{"client_secret": {c}, "grant_type": {"x"}}.Encode()
		}},
		{"form, twice", func(c string) string {
			return "body: " + url.QueryEscape(url.Values{"client_secret": {c}, "z": {"x"}}.Encode())
		}},
		{"Go struct", func(c string) string { return fmt.Sprintf("%+v", struct{ Name, Password string }{"x", c}) }},
		{"Go struct, typed", func(c string) string { return fmt.Sprintf("%#v", struct{ Name, APIKey string }{"x", c}) }},
		{"Go map", func(c string) string { return fmt.Sprintf("%v", map[string]any{"password": c, "user": 1}) }},
		{"Go bytes", func(c string) string { return fmt.Sprintf("{Secret:%v}", []byte(c)) }},
		{"Go URL", func(c string) string {
			return (&url.URL{Scheme: "postgres", User: url.UserPassword("a", c), Host: "db"}).String()
		}},
		{"Go quoted", func(c string) string { return "secret=" + strconv.Quote(c) }},
		{"Node buffer", func(c string) string { return fmt.Sprintf("{ secret: <Buffer % x>, n: 1 }", c) }},
	},
	"email": {
		{"escaped", func(c string) string { return "/reset?to=" + url.QueryEscape(c) + "&x" }},
		{"JSON escape", func(c string) string { return strings.ReplaceAll(c, "@", `\u0040`) }},
	},
}

func toJSON(v any) string { b, _ := json.Marshal(v); return string(b) }

func quoteJSON(s string) string { return toJSON(s) }

func wrap(s string, width int, end string) string {
	var b strings.Builder
	for len(s) > width {
		b.WriteString(s[:width] + end)
		s = s[width:]
	}
	return b.String() + s
}
