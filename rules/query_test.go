package rules

import (
	"fmt"
	"strings"
	"testing"
)

func TestQuery(t *testing.T) {
	const entry = `{"insertId":"a1","logName":"projects/p/logs/run.googleapis.com%2Fstderr","severity":"ERROR","textPayload":"Token is EXPIRED",
		"labels":{"why401.self":"true","n":"7"},"httpRequest":{"status":401,"requestMethod":"GET"},
		"jsonPayload":{"err":{"message":"jwt malformed","causes":[{"code":"E1"},{"code":"E2"}]},"ok":true},"protoPayload":{"status":{"code":16}}}`
	cases := map[string]bool{
		`textPayload:"token is"`:                                  true,
		`textPayload="token is expired"`:                          true,
		`textPayload="token is"`:                                  false,
		`textPayload:("x" OR "expired")`:                          true,
		`textPayload:("token" AND "expired")`:                     true,
		`textPayload:("token" NOT "expired")`:                     false,
		`textPayload=~"(?i)expired$"`:                             true,
		`textPayload=~"expired$"`:                                 false,
		`textPayload!~"expired$"`:                                 true,
		`jsonPayload:"MALFORMED"`:                                 true,
		`jsonPayload.err.causes.code="E2"`:                        true,
		`jsonPayload.err.causes.code="E3"`:                        false,
		`jsonPayload.ok=true`:                                     true,
		`jsonPayload.nothing:*`:                                   false,
		`jsonPayload.err:*`:                                       true,
		`"malformed"`:                                             true,
		`"nowhere"`:                                               false,
		`httpRequest.status=(401 OR 403)`:                         true,
		`httpRequest.status>=500`:                                 false,
		`httpRequest.status>=400 httpRequest.status<402`:          true,
		`severity>=WARNING`:                                       true,
		`severity>=critical`:                                      false,
		`labels."why401.self"="true"`:                             true,
		`NOT labels."why401.self"="true"`:                         false,
		`-textPayload:expired`:                                    false,
		`labels.n>10`:                                             false,
		`protoPayload.status.code=(7 OR 16)`:                      true,
		`logName:"run.googleapis.com%2Fstderr"`:                   true,
		`"nowhere" OR severity=ERROR AND severity=INFO`:           false, // OR binds closer
		`severity=INFO AND severity=ERROR OR severity=ERROR`:      false,
		"-- a comment\nseverity=ERROR -- another\ntextPayload:is": true,
		`sample(insertId, 1)`:                                     true,
		`sample(insertId, 0)`:                                     false,
		`sample(nothing, 1)`:                                      false,
		`severity!=ERROR`:                                         false,
	}
	for text, want := range cases {
		q, err := ParseQuery(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := q.Matches([]byte(entry)); err != nil || got != want {
			t.Errorf("%s: %v (%v); want %v", text, got, err, want)
		}
	}
}

// A sample is of the size that it says, whatever the ids look like.
func TestSampleIsEven(t *testing.T) {
	q, err := ParseQuery("sample(insertId, 0.1)")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for i := range 20_000 {
		ok, err := q.Matches(fmt.Appendf(nil, `{"insertId":"id-%d"}`, i))
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			n++
		}
	}
	if n < 1850 || n > 2150 { // 2,000, give or take 3.5 standard deviations
		t.Errorf("%d of 20,000; want about a tenth", n)
	}
}

func TestBrokenQueries(t *testing.T) {
	for text, want := range map[string]string{
		``: "at the end: wanted a field or a text", `severity=`: "at the end", `(severity=ERROR`: "wanted ')'", `severity=ERROR )`: "at byte 15", `textPayload=~"("`: "missing closing",
		`"open`: "to end a text", `OR`: `found "OR"`, `a:(b OR)`: `found ")"`, `sample(insertId, 7)`: "a share", strings.Repeat("(", 60): "50 levels", `!`: "found '!'",
	} {
		if _, err := ParseQuery(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: error %v; want %q in it", text, err, want)
		}
	}
	q, err := ParseQuery(`severity=ERROR`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := q.Matches([]byte("[1]")); err == nil {
		t.Error("an array is read as an entry")
	}
}

func FuzzParseQuery(f *testing.F) {
	f.Add(`textPayload:("a" OR "b") AND NOT severity>=ERROR`)
	f.Add(`labels."x.y"=~"a|b" sample(insertId, 0.5) -- c`)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 4<<10 {
			return
		}
		q, err := ParseQuery(text)
		if err != nil {
			return
		}
		if _, err := q.Matches([]byte(`{"severity":"ERROR","labels":{"x.y":"a"},"list":[1,{"a":null}]}`)); err != nil {
			t.Errorf("a sound entry is refused: %v", err)
		}
	})
}
