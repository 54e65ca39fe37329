package lab

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestBuiltInScenariosAreSound(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	if all[0].Name != "rotation-missed" {
		t.Errorf("default scenario is %s, wanted rotation-missed", all[0].Name)
	}
	for _, sc := range all {
		if sc.About == "" || len(sc.Cases) == 0 {
			t.Errorf("%s: no word of what it is about, or for which case it stands", sc.Name)
		}
		for _, v := range sc.Variations() {
			if err := v.check(); err != nil {
				t.Error(err)
			}
		}
	}
}

// Every problem of a file is told with its place, at once.
func TestParseTellsEveryProblem(t *testing.T) {
	_, err := Parse("mine.yaml", []byte(`name: mine
platform: shop
duration: 5m
colour: blue
services:
  - name: payments
    env: [{name: JWT_SECRET, secret: jwt-man}]
`))
	if err == nil || !strings.Contains(err.Error(), `mine.yaml:4:1: colour: unknown key`) {
		t.Errorf("error %v, wanted the unknown key with its place", err)
	}
	_, err = Parse("mine.yaml", []byte(`name: mine
platform: shop
duration: 5m
services:
  - name: billing
  - name: payments
    env: [{name: JWT_SECRET, secret: jwt-man}]
timeline:
  - {at: 6m, do: add_version, target: jwt-main, value: newlin}
  - {at: 1m, do: dploy, target: payments}
expect:
  - {cause: key.stale_cache, services: [paymnts], reasons: [sad_signature], at_most: sure}
`))
	for _, want := range []string{
		`mine.yaml:7:38: services[2].env[0].secret: wanted the name of a secret, found "jwt-man"`,
		`mine.yaml:9:10: timeline[0].at: wanted 0s to 5m, found 6m`,
		`mine.yaml:9:56: timeline[0].value: wanted one of random`,
		`mine.yaml:10:18: timeline[1].do: wanted one of`,
		`mine.yaml:12:41: expect[0].services[0]: wanted the name of a service, found "paymnts"`,
		`mine.yaml:12:61: expect[0].reasons[0]: wanted a reason, found "sad_signature"`,
		`mine.yaml:12:86: expect[0].at_most: wanted one of ambiguous, probable, confirmed, found "sure"`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error\n%v\nwanted %q in it", err, want)
		}
	}
	if _, err := Parse("mine.yaml", []byte("name: mine\nplatform: mall\n")); err == nil || !strings.Contains(err.Error(), `mine.yaml:2:11: platform: wanted a stock platform (`) {
		t.Errorf("error %v, wanted the stock platforms", err)
	}
}

// What SCENARIOS.md shows as an example is a scenario.
func TestDocumentedExample(t *testing.T) {
	text, err := os.ReadFile("SCENARIOS.md")
	if err != nil {
		t.Fatal(err)
	}
	var example []string
	for line := range strings.Lines(string(text)) {
		if code, ok := strings.CutPrefix(line, "    "); ok && (len(example) > 0 || strings.HasPrefix(code, "name:")) {
			example = append(example, code)
		}
	}
	file := filepath.Join(t.TempDir(), "rotation-missed.yaml")
	if err := os.WriteFile(file, []byte(strings.Join(example, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	sc, err := Find(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(sc.Services) != 5 || sc.Services[2].Instances != 3 || len(sc.Services[2].Chain) != 3 || len(sc.Timeline) != 3 || len(sc.Secrets) != 2 {
		t.Errorf("read %+v", sc)
	}
}
