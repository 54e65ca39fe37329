package analyzer_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/why401/why401/analyzer"
	"github.com/why401/why401/rules"
)

// A story is one file of testdata/incidents: what was logged, what probes
// saw, and what the diagnosis must come to. Its parts are
//
//	log            a script of the entries, see storylog_test.go
//	entries.jsonl  further entries, as a log sink writes them
//	probes.json    probe results, as ReadProbes reads them
//	want           what the report must say, see hold
//	report         the report as text, when its wording is at stake; rewritten with -update
type story struct {
	path    string
	archive *txtar.Archive
	script  *script
	probes  []analyzer.ProbeResult
	want    []string
}

func stories(t testing.TB) []*story {
	t.Helper()
	paths, err := filepath.Glob("testdata/incidents/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no story in testdata/incidents: %v", err)
	}
	var out []*story
	for _, path := range paths {
		a, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := &story{path: path, archive: a, script: &script{}}
		for _, f := range a.Files {
			switch f.Name {
			case "log":
				err = s.script.read(string(f.Data))
			case "entries.jsonl":
				s.script.add(0, nonEmpty(string(f.Data))...)
			case "probes.json":
				var more []analyzer.ProbeResult
				more, err = analyzer.ReadProbes(bytes.NewReader(f.Data))
				s.probes = append(s.probes, more...)
			case "want":
				s.want = nonEmpty(string(f.Data))
			case "report":
			default:
				err = fmt.Errorf("unknown part %s", f.Name)
			}
			if err != nil {
				t.Fatalf("%s: %s: %v", path, f.Name, err)
			}
		}
		s.probes = append(s.probes, s.script.probes...)
		if len(s.want) == 0 {
			t.Fatalf("%s: wanted a part named want, found none", path)
		}
		out = append(out, s)
	}
	return out
}

func nonEmpty(text string) []string {
	return slices.DeleteFunc(strings.Split(strings.TrimSpace(text), "\n"), func(s string) bool { return strings.TrimSpace(s) == "" })
}

// tell feeds the entries, less what drop takes out.
func (s *story) tell(t testing.TB, set *rules.Set, probes []analyzer.ProbeResult, drop func(timed) bool) *analyzer.Report {
	t.Helper()
	p, err := analyzer.NewPipeline(t.Context(), set, &memory{}, nil, analyzer.LedgerConfig{Volatile: true})
	if err != nil {
		t.Fatal(err)
	}
	feed(t, p, 500, s.script.entries(drop)...)
	return p.Report(analyzer.DiagnosisConfig{Probes: probes, KeyDomains: s.script.domains})
}

func ruleset(t testing.TB) *rules.Set {
	t.Helper()
	set, err := rules.Embedded()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestStories(t *testing.T) {
	set := ruleset(t)
	for _, s := range stories(t) {
		t.Run(strings.TrimSuffix(filepath.Base(s.path), ".txtar"), func(t *testing.T) {
			r := s.tell(t, set, s.probes, nil)
			s.hold(t, r)
			for i := range s.archive.Files {
				f := &s.archive.Files[i]
				if f.Name != "report" {
					continue
				}
				var b bytes.Buffer
				if err := r.Write(&b, "text"); err != nil {
					t.Fatal(err)
				}
				if *update {
					f.Data = b.Bytes()
					writeArchive(t, s.path, s.archive)
				} else if b.String() != string(f.Data) {
					t.Errorf("report\n%s\nwant (go test ./analyzer -run Stories -update, if this is right)\n%s", b.String(), f.Data)
				}
			}
		})
	}
}

// The report of a story is the same in any order of its entries, cut into
// batches anywhere.
func TestStoriesInAnyOrder(t *testing.T) {
	set, luck, told := ruleset(t), rand.New(rand.NewPCG(4, 1)), 0
	for _, s := range stories(t) {
		entries := s.script.entries(nil)
		if len(entries) > 3000 {
			continue // they take long, and there are enough others
		}
		report := func(group int) string {
			p, err := analyzer.NewPipeline(t.Context(), set, &memory{}, nil, analyzer.LedgerConfig{})
			if err != nil {
				t.Fatal(err)
			}
			feed(t, p, group, entries...)
			var b bytes.Buffer
			r := p.Report(analyzer.DiagnosisConfig{Probes: s.probes, KeyDomains: s.script.domains})
			told += len(r.Incidents)
			if err := r.Write(&b, "json"); err != nil {
				t.Fatal(err)
			}
			return b.String()
		}
		want := report(100)
		for range 2 {
			luck.Shuffle(len(entries), func(a, b int) { entries[a], entries[b] = entries[b], entries[a] })
			if got := report(1 + luck.IntN(200)); got != want {
				t.Fatalf("%s: another order gives another report:\n%s", filepath.Base(s.path), cmp.Diff(want, got))
			}
		}
	}
	if told < 30 {
		t.Errorf("%d incidents are too few to show anything", told)
	}
}

// hold holds a report to the lines of want:
//
//	LEVEL VERDICT CAUSE SERVICES   an incident; services are separated by commas, * is any
//	among CAUSE…                   candidates of the last incident
//	next TEXT                      part of its next probe
//	resolved | open                its state
//	says TEXT                      part of what speaks for or against it, its summary or steps
//	silent TEXT                    nothing of that sort may be said
//	gap KIND [TEXT]                a gap of the report
//
// Every incident of level warning and above must be wanted.
func (s *story) hold(t *testing.T, r *analyzer.Report) {
	t.Helper()
	var in *analyzer.Incident
	seen := map[string]bool{}
	for _, line := range s.want {
		word, rest, _ := strings.Cut(line, " ")
		if in == nil && slices.Contains([]string{"among", "next", "resolved", "open", "says"}, word) {
			t.Fatalf("%q: before it no incident was found", line)
		}
		switch word {
		case "among":
			for _, c := range strings.Fields(rest) {
				if !slices.Contains(in.Candidates, analyzer.Cause(c)) {
					t.Errorf("%s is not among the candidates %v", c, in.Candidates)
				}
			}
		case "next":
			if !strings.Contains(in.NextProbe, rest) {
				t.Errorf("next probe %q; want %q in it", in.NextProbe, rest)
			}
		case "resolved", "open":
			if (in.Resolved != nil) != (word == "resolved") {
				t.Errorf("%s: resolved %v; want it %s", in.Cause, in.Resolved, word)
			}
		case "says":
			if !strings.Contains(said(in), rest) {
				t.Errorf("%s: nothing says %q:\n%s", in.Cause, rest, said(in))
			}
		case "silent":
			for i := range r.Incidents {
				if strings.Contains(said(&r.Incidents[i]), rest) {
					t.Errorf("%q is said of %s:\n%s", rest, r.Incidents[i].Cause, said(&r.Incidents[i]))
				}
			}
		case "gap":
			kind, text, _ := strings.Cut(rest, " ")
			if !slices.ContainsFunc(r.Gaps, func(g analyzer.Gap) bool {
				return g.Kind == kind && strings.Contains(g.Service+" "+g.Detail, text)
			}) {
				t.Errorf("no gap %q with %q in %+v", kind, text, r.Gaps)
			}
		case "none":
		default:
			in = find(r, line, seen)
			if in == nil {
				t.Errorf("no incident %q", line)
				defer describeAll(t, r)
				return
			}
		}
	}
	for i := range r.Incidents {
		if in := &r.Incidents[i]; !seen[in.ID] && in.Severity != analyzer.LevelInfo {
			t.Errorf("an incident that is not wanted: %s", headline(in))
			describeAll(t, r)
		}
	}
}

func find(r *analyzer.Report, line string, seen map[string]bool) *analyzer.Incident {
	f := strings.Fields(line)
	for i := range r.Incidents {
		in := &r.Incidents[i]
		if len(f) == 4 && !seen[in.ID] && f[0] == string(in.Severity) && f[1] == string(in.Verdict) && f[2] == string(in.Cause) && (f[3] == "*" || f[3] == strings.Join(in.Services, ",")) {
			seen[in.ID] = true
			return in
		}
	}
	return nil
}

func said(in *analyzer.Incident) string {
	return strings.Join(slices.Concat([]string{in.Summary}, in.For, in.Against, in.Do), "\n")
}

func headline(in *analyzer.Incident) string {
	return fmt.Sprintf("%s %s %s %s", in.Severity, in.Verdict, in.Cause, strings.Join(in.Services, ","))
}

func describeAll(t *testing.T, r *analyzer.Report) {
	t.Helper()
	for i := range r.Incidents {
		in := &r.Incidents[i]
		t.Logf("%s\n  for %q\n  against %q\n  candidates %v", headline(in), in.For, in.Against, in.Candidates)
	}
}
