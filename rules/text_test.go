package rules

import (
	"testing"

	"github.com/why401/why401/analyzer"
)

// TestContentIsTheMessageOfGoZeroOnly holds what go-zero v1 printed when its
// authorization refused a request, and that the same key is a caller's word
// in every other shape, as is the request dumped below the arrow.
func TestContentIsTheMessageOfGoZeroOnly(t *testing.T) {
	set, err := Embedded()
	if err != nil {
		t.Fatal(err)
	}
	const own = `"@timestamp":"2026-11-25T10:41:23.789Z","caller":"handler/authhandler.go:103","level":"error",`
	for _, c := range []struct {
		name, payload string
		want          analyzer.Reason
	}{
		{"its own words", own + `"content":"authorize failed: Token is expired\n=> GET /api/v1/orders HTTP/1.1\r\nHost: example.com\r\n\r\n"`, "expired_token"},
		{"no token", own + `"content":"authorize failed: no token present in request\n=> GET /api/v1/orders HTTP/1.1\r\nHost: example.com\r\n\r\n"`, "missing_token"},
		{"a caller's words below the arrow", own + `"content":"order 17 was refused\n=> GET /why HTTP/1.1\r\nX-Note: token signature is invalid\r\n\r\n"`, ""},
		{"no caller beside it", `"@timestamp":"2026-11-25T10:41:23.789Z","content":"token signature is invalid"`, ""},
		{"a message beside it", own + `"message":"completion stored","content":"token signature is invalid"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := analyzer.NewDecoder(nil).Entry(&analyzer.Message{Data: []byte(`{"insertId":"a","timestamp":"2026-11-25T10:41:23Z","jsonPayload":{` + c.payload + `}}`)})
			if err != nil {
				t.Fatal(err)
			}
			said := set.Classify(e)
			if got := said.Primary(); got != c.want {
				t.Errorf("reason %q, want %q", got, c.want)
			}
		})
	}
}
