package rules

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The compiled filter is one that Cloud Logging takes, lets the examples of
// nearly every rule through, says which not, and keeps ordinary lines outside.
func TestSinkFilter(t *testing.T) {
	set, err := EmbeddedWith()
	if err != nil {
		t.Fatal(err)
	}
	f, err := set.SinkFilter(SinkFilterConfig{Requests: 1})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Text) > MaxSinkFilter {
		t.Errorf("%d characters; want at most %d", len(f.Text), MaxSinkFilter)
	}
	if n := len(set.Rules()) / 50; len(f.Lost) > n {
		t.Errorf("%d rules lose an example (%v); want at most %d", len(f.Lost), f.Lost, n)
	}
	again, err := set.SinkFilter(SinkFilterConfig{Requests: 1})
	if err != nil || again.Text != f.Text {
		t.Errorf("compiled again it differs (%v)", err)
	}
	q, err := ParseQuery(f.Text)
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/unrelated.txt")
	if err != nil {
		t.Fatal(err)
	}
	lines, through := 0, 0
	for line := range strings.Lines(string(data)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		lines++
		if letThrough(q, line) {
			through++
		}
	}
	// These lines were written to look like failures.
	if lines < 300 || through > lines*2/3 {
		t.Errorf("%d of %d look-alikes come through; want at most two in three", through, lines)
	}
	t.Logf("%d characters, %d rules with a lost example, %d of %d look-alikes", len(f.Text), len(f.Lost), through, lines)
}

func TestSinkFilterEntries(t *testing.T) {
	set, err := EmbeddedWith()
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		name, entry string
		requests    float64
		want        bool
	}{
		{"a refused request", `{"httpRequest":{"status":401,"requestMethod":"GET"}}`, 0, true},
		{"an accepted request as denominator", `{"httpRequest":{"status":200,"requestMethod":"GET"}}`, 1, true},
		{"an accepted request without one", `{"httpRequest":{"status":200,"requestMethod":"GET"}}`, 0, false},
		{"a name in the user agent", `{"httpRequest":{"status":204,"requestMethod":"GET","userAgent":"jwt expired"}}`, 0, false},
		{"a failure in a text", `{"textPayload":"token signature is invalid: signature is invalid"}`, 0, true},
		{"a failure in a field", `{"jsonPayload":{"err":{"name":"TokenExpiredError"}}}`, 0, true},
		{"our own entry", `{"labels":{"why401.self":"true"},"textPayload":"jwt expired"}`, 1, false},
		{"the logging library's own", `{"logName":"projects/p/logs/diagnostic-log","textPayload":"jwt error"}`, 1, false},
		{"a secret version is added", `{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Factivity","protoPayload":{"serviceName":"secretmanager.googleapis.com","methodName":"google.cloud.secretmanager.v1.SecretManagerService.AddSecretVersion"}}`, 0, true},
		{"a secret is listed", `{"logName":"projects/p/logs/cloudaudit.googleapis.com%2Fdata_access","protoPayload":{"serviceName":"secretmanager.googleapis.com","methodName":"google.cloud.secretmanager.v1.SecretManagerService.ListSecrets"}}`, 0, false},
		{"an instance starts", `{"logName":"projects/p/logs/run.googleapis.com%2Fvarlog%2Fsystem","textPayload":"Starting new instance."}`, 0, true},
		{"an empty critical entry", `{"severity":"CRITICAL"}`, 0, true},
		{"an ordinary line", `{"textPayload":"shipped order 17 to the depot"}`, 1, false},
		{"an uncaught exception of Ruby", "{\"textPayload\":\"/app/auth.rb:12:in `decode': Signature has expired (JWT::ExpiredSignature)\"}", 1, true},
		{"a frame of Ruby", "{\"textPayload\":\"/app/jwt/expired_token.rb:12:in `verify'\"}", 1, false},
		{"a frame of a traceback", `{"textPayload":"    at verify (/app/node_modules/jsonwebtoken/verify.js:40:19)"}`, 1, false},
	}
	queries := map[float64]*Query{}
	for _, share := range []float64{0, 1} {
		f, err := set.SinkFilter(SinkFilterConfig{Requests: share})
		if err != nil {
			t.Fatal(err)
		}
		if queries[share], err = ParseQuery(f.Text); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range cases {
		if got, err := queries[c.requests].Matches([]byte(c.entry)); err != nil || got != c.want {
			t.Errorf("%s: %v (%v); want %v", c.name, got, err, c.want)
		}
	}
}

// With WHY401_CORPUS, a folder with authentic.jsonl.gz, the filter is held
// against labelled entries of real libraries (make accuracy).
func TestSinkFilterOnCorpus(t *testing.T) {
	dir := os.Getenv("WHY401_CORPUS")
	if dir == "" {
		t.Skip("WHY401_CORPUS names no folder")
	}
	file, err := os.Open(filepath.Join(dir, "authentic.jsonl.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	gz, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	set, err := EmbeddedWith()
	if err != nil {
		t.Fatal(err)
	}
	f, err := set.SinkFilter(SinkFilterConfig{})
	if err != nil {
		t.Fatal(err)
	}
	q, err := ParseQuery(f.Text)
	if err != nil {
		t.Fatal(err)
	}
	var failures, kept, benign, through int
	lines := bufio.NewScanner(gz)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var d struct {
			Entry json.RawMessage
			Label struct{ Reason *string }
		}
		if err := json.Unmarshal(lines.Bytes(), &d); err != nil {
			t.Fatal(err)
		}
		ok, err := q.Matches(d.Entry)
		switch {
		case err != nil:
			t.Fatal(err)
		case d.Label.Reason == nil:
			benign++
			if ok {
				through++
			}
		case ok:
			failures, kept = failures+1, kept+1
		default:
			failures++
			t.Errorf("lost: %.300s", d.Entry)
		}
	}
	if through*20 > benign {
		t.Errorf("%d of %d benign entries come through; want at most one in twenty", through, benign)
	}
	t.Logf("%d characters: kept %d of %d failures, let %d of %d benign entries through", len(f.Text), kept, failures, through, benign)
}
