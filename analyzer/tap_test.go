package analyzer

import (
	"testing"
)

func TestTap(t *testing.T) {
	var heard []Finding
	l := NewLedger(LedgerConfig{})
	origin := &Origin{Service: Service{"orders", "staging"}}
	entry := func(key byte, reasons ...Reason) *effect {
		return &effect{key: Key{key}, at: int64(key) * 1e9, origin: origin, entry: &Entry{Message: "jwt: bad signature", InsertID: "i", Origin: origin}, class: &Classification{Reasons: reasons, Rule: "pack/rule", Captures: map[string]string{"kid": "k1"}}}
	}
	l.apply(entry(1, BadSignature)) // nobody listens
	l.tap = func(f Finding) { heard = append(heard, f) }
	l.apply(entry(2, BadSignature, ExpiredToken))
	l.apply(entry(2, BadSignature, ExpiredToken)) // comes again
	l.apply(entry(3))                             // says nothing
	l.tap = nil
	l.apply(entry(4, BadSignature))
	if len(heard) != 1 || heard[0].At.Unix() != 2 || heard[0].Service != "orders" || len(heard[0].Reasons) != 2 || heard[0].Excerpt != "jwt: bad signature" || heard[0].Captures["kid"] != "k1" {
		t.Errorf("heard %+v; want the second entry, once", heard)
	}
}
