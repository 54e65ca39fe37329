package redact

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// markToken stands for a token that tells nothing of itself.
const markToken = "[jwt]"

// describeToken returns the marker for a token: of its header alg, kid and
// typ, of its payload the three times, and nothing else. header and payload
// are base64url; either may be cut short, hostile or missing.
func describeToken(header, payload []byte) string {
	var h struct {
		Alg, Kid, Typ any
	}
	var p struct {
		Exp, Iat, Nbf any
	}
	if len(header) >= maxSegment || json.Unmarshal(decodeSegment(header), &h) != nil {
		return markToken
	}
	out := []byte("[jwt")
	for _, f := range [...]struct {
		name  string
		value any
	}{{"alg", h.Alg}, {"kid", h.Kid}, {"typ", h.Typ}} {
		if text, ok := f.value.(string); ok && isPlainHeader(f.name, text) {
			out = append(append(append(append(out, ' '), f.name...), '='), text...)
		}
	}
	if len(payload) < maxSegment && json.Unmarshal(decodeSegment(payload), &p) == nil {
		for _, f := range [...]struct {
			name  string
			value any
		}{{"exp", p.Exp}, {"iat", p.Iat}, {"nbf", p.Nbf}} {
			if text := describeTime(f.value); text != "" {
				out = append(append(append(append(out, ' '), f.name...), '='), text...)
			}
		}
	}
	return string(append(out, ']'))
}

// isPlainHeader tells whether a header value may be shown: short, of harmless
// characters, and nothing that redaction would take out again. The latter
// stops a sender from smuggling a secret out in a key id.
func isPlainHeader(name, value string) bool {
	if value == "" || len(value) > 64 {
		return false
	}
	for i := 0; i < len(value); i++ {
		if kinds[value[i]]&kindBase64 == 0 && value[i] != '.' && value[i] != ':' {
			return false
		}
	}
	shown := "[jwt " + name + "=" + value + "]"
	return !strings.Contains(value, "eyJ") && redactRuns(redactOnce(shown)) == shown
}

// describeTime renders a NumericDate: in UTC where it is one, as the bare
// number where it cannot be (milliseconds instead of seconds is a fault worth
// seeing). Anything but a number gives "".
func describeTime(v any) string {
	n, ok := v.(float64)
	switch {
	case !ok || n < 0 || n != n || n >= 1e16:
		return ""
	case n < 253402300800: // 10000-01-01
		return time.Unix(int64(math.Floor(n)), 0).UTC().Format(time.RFC3339)
	}
	return strconv.FormatInt(int64(n), 10)
}
