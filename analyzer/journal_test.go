package analyzer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/why401/why401/analyzer"
)

// notebook is a Notes that keeps them in memory and may fail.
type notebook struct {
	held map[string][]byte
	fail bool
}

func (n *notebook) Notes(context.Context, string) (map[string][]byte, error) { return n.held, nil }

func (n *notebook) Note(_ context.Context, _, key string, data []byte) error {
	switch {
	case n.fail:
		return errors.New("disk full")
	case len(data) == 0:
		delete(n.held, key)
	default:
		n.held[key] = data
	}
	return nil
}

// at is a report that one incident stands in; resolved < 0 means it is open.
func at(to, opened, resolved int, changes ...analyzer.Change) *analyzer.Report {
	minute := func(n int) time.Time { return began.Add(time.Duration(n) * time.Minute) }
	in := analyzer.Incident{ID: "i1", Cause: "key.stale_cache", Verdict: analyzer.Probable, KeyDomain: "jwt-main", Severity: analyzer.LevelError, Services: []string{"payments"}, Opened: minute(opened), LastSeen: minute(to)}
	if resolved >= 0 {
		end := minute(resolved)
		in.Resolved, in.LastSeen = &end, end
	}
	return &analyzer.Report{Span: analyzer.Span{From: began, To: minute(to)}, Incidents: []analyzer.Incident{in}, Changes: changes}
}

func TestIncidentLife(t *testing.T) {
	n := &notebook{held: map[string][]byte{}}
	open := func() *analyzer.Journal {
		j, err := analyzer.OpenJournal(t.Context(), analyzer.JournalConfig{Keep: 24 * time.Hour}, n)
		if err != nil {
			t.Fatal(err)
		}
		return j
	}
	follow := func(j *analyzer.Journal, r *analyzer.Report) analyzer.Record {
		t.Helper()
		if err := j.Follow(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		all := j.Records()
		if len(all) != 1 {
			t.Fatalf("%d records; want 1", len(all))
		}
		return all[0]
	}
	person := func(m int, by, target string) analyzer.Change {
		return analyzer.Change{Kind: analyzer.RevisionDeployed, Target: target, At: began.Add(time.Duration(m) * time.Minute), By: by}
	}
	hands := []analyzer.Change{person(5, "person 1a2b", "payments"), person(6, "automation 3c4d", "payments"), person(7, "person 1a2b", "elsewhere"), {Kind: analyzer.SecretVersionDisabled, Target: "jwt-main", At: began.Add(8 * time.Minute), By: "person 1a2b"}}

	j := open()
	if r := follow(j, at(10, 2, -1, hands...)); r.Resolved != nil || len(r.Interventions) != 2 || r.Acknowledged() {
		t.Errorf("open with two changes by a person: %+v", r)
	}
	if err := j.Intervene(t.Context(), "i1", analyzer.Intervention{Kind: analyzer.Acknowledgement, At: began.Add(9 * time.Minute), By: "ann@example.com"}); err != nil {
		t.Fatal(err)
	}
	if err := j.Intervene(t.Context(), "i2", analyzer.Intervention{Kind: analyzer.Acknowledgement}); !errors.Is(err, analyzer.ErrNoIncident) {
		t.Errorf("acknowledging what is not there: %v", err)
	}
	follow(j, at(11, 2, -1, hands...)) // the same changes again
	if got := j.Touched(); got != 3 {
		t.Errorf("%d interventions; want 3", got)
	}

	j = open()                                                                             // a restart
	r := follow(j, at(40, 2, 20, append(hands, person(30, "person 1a2b", "payments"))...)) // the last one came after the end
	if !r.Acknowledged() || len(r.Interventions) != 3 || r.Resolved == nil || r.Duration(began) != 18*time.Minute {
		t.Errorf("resolved after a restart: %+v", r)
	}
	if r.Interventions[2].By == "ann@example.com" {
		t.Error("an address is kept")
	}
	if ended := j.Ended(); len(ended) != 1 || ended[0].ID != "i1" || len(j.Ended()) != 0 {
		t.Errorf("ended %+v; want i1 once", ended)
	}
	j = open()
	follow(j, at(41, 2, 20, hands...))
	if ended := j.Ended(); len(ended) != 0 {
		t.Errorf("resolved a second time after a restart: %+v", ended)
	}

	if r = follow(j, at(60, 55, -1)); r.Returns != 1 || r.Resolved != nil || r.Acknowledged() || !r.Opened.Equal(began.Add(55*time.Minute)) {
		t.Errorf("reopened: %+v", r)
	}
	gone := at(70, 0, -1)
	gone.Incidents = nil
	if r = follow(j, gone); r.Resolved == nil || len(j.Ended()) != 1 {
		t.Errorf("no longer reported: %+v", r)
	}
	later := at(70+25*60, 0, -1)
	later.Incidents = nil
	if err := j.Follow(t.Context(), later); err != nil || len(j.Records()) != 0 || len(n.held) != 0 {
		t.Errorf("a day later: %v, %d records, %d notes; want none", err, len(j.Records()), len(n.held))
	}
}

func TestIncidentLifeIsWrittenAgain(t *testing.T) {
	n := &notebook{held: map[string][]byte{}, fail: true}
	j, err := analyzer.OpenJournal(t.Context(), analyzer.JournalConfig{}, n)
	if err != nil {
		t.Fatal(err)
	}
	if err := j.Follow(t.Context(), at(10, 2, -1)); err == nil {
		t.Fatal("a failed write is no error")
	}
	n.fail = false
	if err := j.Follow(t.Context(), at(10, 2, -1)); err != nil || len(n.held) != 1 {
		t.Errorf("written the second time: %v, %d notes", err, len(n.held))
	}
	n.held["bad"] = []byte("{")
	if _, err := analyzer.OpenJournal(t.Context(), analyzer.JournalConfig{}, n); err == nil {
		t.Error("a damaged record is no error")
	}
}
