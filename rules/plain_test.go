package rules

import (
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// samePack fails unless the YAML parser reads what parsePlain has read.
func samePack(t *testing.T, data []byte, plain *Pack) {
	t.Helper()
	pack, err := parsePack(plain.file, data, true)
	if err != nil {
		t.Fatalf("read, but not by the YAML parser: %v", err)
	}
	if diff := cmp.Diff(pack, plain, cmpopts.IgnoreUnexported(Pack{}, Rule{}), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("read differently (-YAML parser +plain):\n%s", diff)
	}
	for i := range pack.Rules {
		if got, want := plain.Rules[i].Place(), pack.Rules[i].Place(); got != want {
			t.Errorf("%s stands at %s; want %s", pack.Rules[i].Name(), got, want)
		}
		if got, want := len(plain.Rules[i].templates), len(pack.Rules[i].templates); got != want {
			t.Errorf("%s has %d templates; want %d", pack.Rules[i].Name(), got, want)
		}
	}
}

// All our packs are written plainly, or starts would be slow again.
func TestOurPacksArePlain(t *testing.T) {
	names, err := fs.Glob(embedded, "packs/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no packs: %v", err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(embedded, name)
		if err != nil {
			t.Fatal(err)
		}
		data = withoutSamples(data)
		pack, ok := parsePlain(name, data)
		if !ok {
			t.Errorf("%s is not written plainly", name)
			continue
		}
		samePack(t, data, pack)
	}
}

func FuzzPlain(f *testing.F) {
	const head = "pack: acme\nrules:\n  - id: a\n    reason: expired_token\n"
	for _, rule := range []string{
		"    text: [\"frobnicator is expired\", 'frobnicator is done']\n    with: [acme, beta]\n    not:\n      - \"gamma\"\n",
		"    text:\n      - \"frobnicator \\\"{kid}\\\" is expired\"\n      - 'frobnicator''s key'\n    wrapper: true\n",
		"    text: [\"a, b\\\\ and c\"]\n    set: {alg: none, kid: \"k: 1\"}\n",
		"    where:\n      methodName: \"frobnicate\"\n      resource.type: frobnicator\n",
		"    text: [\"frobnicator\"]\n  - id: b\n    change: {kind: secret_loaded, target: \"{env}\"}\n    text: [\"frobnicator {env}\"]\n",
	} {
		f.Add([]byte(head + rule))
	}
	f.Add([]byte("pack: acme\ntitle: What changed, in Acme's logs\nlibrary: \"acme\"\nrules:\n  - id: a\n    success: true\n    text: [frobnicator]\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if pack, ok := parsePlain("p.yaml", data); ok {
			samePack(t, data, pack)
		}
	})
}
