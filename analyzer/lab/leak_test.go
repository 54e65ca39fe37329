package lab

import (
	"bytes"
	"context"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
	"time"
)

// keptSecrets listens at the store and the login for everything that must not
// be told.
func keptSecrets(p *platform) [][]byte {
	var kept [][]byte
	for _, s := range p.store.secrets {
		for _, v := range s.versions {
			kept = append(kept, v.payload)
		}
	}
	for _, password := range p.passwords {
		kept = append(kept, []byte(password))
	}
	return kept
}

// No entry holds a secret, a password, or anything in the form of a token.
func TestNoSecretInAnyEntry(t *testing.T) {
	token := regexp.MustCompile(`eyJ[\w-]{5,}|[Bb]earer [\w-]{10}`)
	for _, sc := range []Scenario{find(t, "rotation-missed"), find(t, "platform-iam")} {
		sc = sc.complete()
		sc.Duration = 6*time.Minute + 30*time.Second // the fault included
		var entries [][]byte
		o := Options{Seed: 3, Emit: func(_ context.Context, entry []byte) error {
			entries = append(entries, entry)
			return nil
		}}
		p, err := newPlatform(t.Context(), sc, o, begin)
		if err != nil {
			t.Fatal(err)
		}
		var truth Truth
		err = p.play(t.Context(), o, &truth)
		p.close()
		if err != nil {
			t.Fatal(err)
		}
		kept := keptSecrets(p)
		if len(kept) < 60 || len(entries) < 2000 {
			t.Fatalf("%s: %d secrets and %d entries are too few to show anything", sc.Name, len(kept), len(entries))
		}
		all := bytes.Join(entries, []byte("\n"))
		for _, k := range kept {
			if bytes.Contains(all, k) || bytes.Contains(all, []byte(base64.StdEncoding.EncodeToString(k))) {
				t.Errorf("%s: an entry holds a secret", sc.Name)
			}
		}
		if m := token.Find(all); m != nil {
			t.Errorf("%s: an entry holds a token: %.12s…", sc.Name, m)
		}
	}
}

// Every listener of a platform is on loopback.
func TestServersListenOnLoopbackOnly(t *testing.T) {
	o := Options{Sockets: true, Emit: func(context.Context, []byte) error { return nil }}
	p, err := newPlatform(t.Context(), find(t, "platform-iam").complete(), o, begin)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	p.scenario.Duration = time.Second
	p.scenario.Timeline = nil
	if err := p.play(t.Context(), o, &Truth{}); err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, s := range p.services {
		for _, in := range s.fleet() {
			n++
			if !strings.HasPrefix(in.addr, "127.0.0.1:") {
				t.Errorf("an instance of %s listens on %s", s.spec.Name, in.addr)
			}
		}
	}
	if n != 9 {
		t.Errorf("%d instances, wanted 9", n)
	}
}
