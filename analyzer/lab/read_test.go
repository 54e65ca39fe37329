package lab

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
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

// Every inference case, silent failure and confounder of the diagnosis has a
// scenario: 1 to 40, S1 to S5 (once met by users and once not), c1 to c20.
func TestScenariosOfEveryCase(t *testing.T) {
	all, err := Scenarios()
	if err != nil {
		t.Fatal(err)
	}
	met, unmet, quiet := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, sc := range all {
		for _, v := range sc.Variations() {
			for _, name := range sc.Cases {
				quiet[name] = quiet[name] || len(v.Expect) == 0
				for _, e := range v.Expect {
					// What does not start refuses nobody: the revision before goes on serving.
					nobody := len(e.Reasons) == 0 || e.BeforeRefusal || slices.Contains(e.Reasons, analyzer.StartupEmptyCritical)
					met[name], unmet[name] = met[name] || !nobody, unmet[name] || nobody
				}
			}
		}
	}
	for i := range 40 {
		if name := strconv.Itoa(i + 1); !met[name] && !unmet[name] && !quiet[name] {
			t.Errorf("no scenario of case %s", name)
		}
	}
	for i := range 5 {
		if name := "S" + strconv.Itoa(i+1); !met[name] || !unmet[name] {
			t.Errorf("silent failure %s: with users refused %v, before them %v; want a scenario of each", name, met[name], unmet[name])
		}
	}
	for i := range 20 {
		if name := "c" + strconv.Itoa(i+1); !quiet[name] {
			t.Errorf("no scenario of confounder %s in which nothing is to be told", name)
		}
	}
}
