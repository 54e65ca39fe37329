package rules

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Every broken pack is refused with file:line:col, and the first comment of
// the file says with which words.
func TestBrokenPacks(t *testing.T) {
	t.Chdir("testdata")
	files, err := filepath.Glob("bad/*.yaml")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d broken packs (%v); want at least 20", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(data), "\n")
			want, ok := strings.CutPrefix(first, "# want: ")
			if !ok {
				t.Fatalf("%s does not begin with # want: WORDS", file)
			}
			theirs, err := userFolder(file)
			if err != nil {
				t.Fatal(err)
			}
			set, err := loadFolders([]folder{theirs})
			if err == nil {
				err = set.Check()
			}
			if err == nil || !strings.Contains(err.Error(), file+":") || !strings.Contains(err.Error(), want) {
				t.Errorf("error\n%v\nwant %s:line:col and\n%s", err, file, want)
			}
		})
	}
}

// A user's folder is read whole, problems of all its files are told at once,
// and what cannot be read at all is named.
func TestUserPacks(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := EmbeddedWith(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "wanted a folder of packs or one pack") {
		t.Errorf("a missing folder: %v", err)
	}
	if _, err := EmbeddedWith(dir); err == nil || !strings.Contains(err.Error(), "wanted *.yaml files in "+dir+", found none") {
		t.Errorf("an empty folder: %v", err)
	}
	ours := load(t)
	old := ours.Rules()[0]
	write("a.yaml", "pack: "+old.Pack().Pack+"\nlanguage: go\nrules:\n  - id: "+old.ID+"\n    reason: expired_token\n    text: [\"token is quite expired\"]\n    examples: [\"token is quite expired\", \"E token is quite expired\"]\n    near_misses: [\"token is not quite expired\"]\n")
	write("b.yml", "pack: acme\nlanguage: go\nrules:\n  - id: odd\n    benign: true\n    text: [\"frobnication of the token\"]\n    examples: [\"frobnication of the token\", \"E frobnication of the token\"]\n    near_misses: [\"frobnication\"]\n")
	s, err := EmbeddedWith(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := len(s.Rules()), len(ours.Rules())+1; got != want {
		t.Errorf("%d rules; want %d: ours, one replaced and one added", got, want)
	}
	if len(s.Replaced()) != 1 {
		t.Fatalf("replaced %v; want %s alone", s.Replaced(), old.Name())
	}
	if diff := cmp.Diff(Replaced{old.Name(), old.Place(), filepath.Join(dir, "a.yaml") + ":4:9"}, s.Replaced()[0]); diff != "" {
		t.Errorf("replaced (-want +got):\n%s", diff)
	}
	if c := s.Classify(TextEntry("token is quite expired")); c.Rule != old.Name() {
		t.Errorf("decided by %s; want the user's rule", c.Rule)
	}
	if n := len(slices.DeleteFunc(slices.Clone(s.Rules()), func(r *Rule) bool { return !r.Pack().User() })); n != 2 {
		t.Errorf("%d rules of the user; want 2", n)
	}
	write("c.yaml", "pack: x\nrules: []\n")
	write("d.yaml", "pack: [\n")
	if _, err := EmbeddedWith(dir); err == nil || !strings.Contains(err.Error(), "c.yaml:2:1") || !strings.Contains(err.Error(), "d.yaml:1:7") {
		t.Errorf("two broken packs: %v; want both told", err)
	}
}
