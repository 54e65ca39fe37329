package analyzer

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer/redact"
)

// JournalConfig bounds a Journal.
type JournalConfig struct {
	Records int           // kept; the one resolved longest ago goes first; 0 means 1,000
	Keep    time.Duration // how long a resolved one is kept, in event time; 0 means 30 days
}

// The bounds of what people add to one record.
const (
	maxInterventions = 200
	maxWords         = 500
)

// journalTopic is where records are noted.
const journalTopic = "life"

// Journal follows incidents from report to report. It is safe for concurrent
// use.
type Journal struct {
	cfg   JournalConfig
	notes Notes

	mu      sync.Mutex
	records map[string]*Record
	saved   map[string]string // records as they were last written
	ended   []Record          // resolved since Ended was called
	touched int               // interventions since Touched was called
	names   map[string]string // ids of records by their other names
}

// ErrNoIncident says that no record has the id asked for.
var ErrNoIncident = errors.New("no such incident")

// OpenJournal begins where the process before stopped. The error lists the
// records that could not be read; the others are there.
func OpenJournal(ctx context.Context, cfg JournalConfig, notes Notes) (*Journal, error) {
	if cfg.Records <= 0 {
		cfg.Records = 1000
	}
	if cfg.Keep <= 0 {
		cfg.Keep = 30 * 24 * time.Hour
	}
	j := &Journal{cfg: cfg, notes: notes, records: map[string]*Record{}, saved: map[string]string{}, names: map[string]string{}}
	held, err := notes.Notes(ctx, journalTopic)
	if err != nil {
		return j, fmt.Errorf("read incidents: %w", err)
	}
	var errs []error
	for id, data := range held {
		r := &Record{}
		if err := json.Unmarshal(data, r); err != nil || r.ID != id {
			errs = append(errs, fmt.Errorf("decode incident %s: wanted a record of this id, found %q (%w)", id, r.ID, err))
			continue
		}
		j.records[id], j.saved[id] = r, string(data)
		for _, name := range r.Names {
			j.names[name] = id
		}
	}
	return j, errors.Join(errs...)
}

// Follow takes a report's incidents over and writes down what changed, so that
// a crash after it loses nothing. The records hold whatever the error; what
// could not be written is tried again the next time.
func (j *Journal) Follow(ctx context.Context, r *Report) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	seen := map[string]bool{}
	for i := range r.Incidents {
		seen[r.Incidents[i].ID] = true
		j.follow(&r.Incidents[i])
	}
	for id, record := range j.records {
		if !seen[id] && record.Resolved == nil {
			j.resolve(record, cmp.Or(r.Span.To, record.Opened)) // explained by another, or forgotten
		}
		j.interventions(record, r.Changes)
	}
	j.forget(r.Span.To)
	return j.write(ctx)
}

// follow brings one record up to its incident.
func (j *Journal) follow(in *Incident) {
	r := j.records[in.ID]
	switch {
	case r == nil:
		r = &Record{ID: in.ID, Opened: in.Opened}
		j.records[in.ID] = r
	case r.Resolved != nil && in.Resolved == nil && in.LastSeen.After(*r.Resolved):
		r.Returns++
		r.Opened, r.Resolved, r.Severity = in.Opened, nil, ""
		if in.Opened.Before(r.Opened) {
			r.Opened = in.Opened
		}
	case r.Resolved != nil:
		return // history, told once
	}
	r.Cause, r.Verdict, r.KeyDomain, r.Environment, r.Summary = in.Cause, in.Verdict, in.KeyDomain, in.Environment, in.Summary
	r.Services = slices.Clone(in.Services)
	if in.Opened.Before(r.Opened) {
		r.Opened = in.Opened
	}
	if r.Severity == "" || severityRank(in.Severity) > severityRank(r.Severity) {
		r.Severity = in.Severity
	}
	if in.Resolved != nil {
		j.resolve(r, *in.Resolved)
	}
}

func (j *Journal) resolve(r *Record, at time.Time) {
	at = at.UTC()
	if at.Before(r.Opened) {
		at = r.Opened
	}
	r.Resolved = &at
	j.ended = append(j.ended, r.clone())
}

// interventions adds the changes that people made in the record's key domain
// or at its services while it was open.
func (j *Journal) interventions(r *Record, changes []Change) {
	for _, c := range changes {
		if !strings.HasPrefix(c.By, "person") || c.At.Before(r.Opened) || r.Resolved != nil && c.At.After(*r.Resolved) {
			continue
		}
		if c.Target != r.KeyDomain && !slices.Contains(r.Services, c.Target) && !slices.Contains(r.Services, c.Service.Name) && !c.ofSecret() {
			continue
		}
		if r.Environment != "" && c.Service.Environment != "" && c.Service.Environment != r.Environment {
			continue
		}
		j.intervene(r, Intervention{Kind: ManualChange, At: c.At.UTC(), By: c.By, What: strings.TrimSpace(string(c.Kind) + " " + c.Target + " " + c.Version)})
	}
}

// ofSecret reports whether the change is of a secret's versions.
func (c *Change) ofSecret() bool {
	switch c.Kind {
	case SecretVersionAdded, SecretVersionEnabled, SecretVersionDisabled, SecretVersionDestroyed:
		return true
	}
	return false
}

func (j *Journal) intervene(r *Record, i Intervention) bool {
	if slices.Contains(r.Interventions, i) || len(r.Interventions) >= maxInterventions {
		return false
	}
	r.Interventions = append(r.Interventions, i)
	slices.SortStableFunc(r.Interventions, func(a, b Intervention) int { return a.At.Compare(b.At) })
	j.touched++
	return true
}

// Intervene records what a person did about an incident. Words are redacted
// and cut. The error is ErrNoIncident, or that of the store.
func (j *Journal) Intervene(ctx context.Context, id string, i Intervention) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	r := j.records[id]
	if r == nil {
		return fmt.Errorf("incident %.40q: %w", id, ErrNoIncident)
	}
	i.What, i.By = words(i.What), words(i.By)
	i.At = i.At.UTC()
	j.intervene(r, i)
	return j.write(ctx)
}

// words makes what somebody typed fit to keep.
func words(s string) string {
	s = redact.Text(strings.ToValidUTF8(s, "\uFFFD"))
	if len(s) > maxWords {
		s = strings.ToValidUTF8(s[:maxWords], "")
	}
	return s
}

// forget drops what was resolved too long before now, and the oldest of too
// many.
func (j *Journal) forget(now time.Time) {
	var resolved []*Record
	for id, r := range j.records {
		switch {
		case r.Resolved == nil:
		case !now.IsZero() && now.Sub(*r.Resolved) > j.cfg.Keep:
			delete(j.records, id)
		default:
			resolved = append(resolved, r)
		}
	}
	slices.SortFunc(resolved, func(a, b *Record) int {
		return cmp.Or(a.Resolved.Compare(*b.Resolved), strings.Compare(a.ID, b.ID))
	})
	for len(j.records) > j.cfg.Records && len(resolved) > 0 {
		delete(j.records, resolved[0].ID)
		resolved = resolved[1:]
	}
	maps.DeleteFunc(j.names, func(_, id string) bool { return j.records[id] == nil })
}

// write notes the records that changed and removes those that are gone.
func (j *Journal) write(ctx context.Context) error {
	var errs []error
	for id := range j.saved {
		if j.records[id] == nil {
			if err := j.notes.Note(ctx, journalTopic, id, nil); err != nil {
				errs = append(errs, err)
				continue
			}
			delete(j.saved, id)
		}
	}
	for id, r := range j.records {
		data, err := json.Marshal(r)
		if err == nil && string(data) == j.saved[id] {
			continue
		}
		if err == nil {
			err = j.notes.Note(ctx, journalTopic, id, data)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("write incident %s: %w", id, err))
			continue
		}
		j.saved[id] = string(data)
	}
	return errors.Join(errs...)
}

// Records returns what is held: the open ones first, then the latest.
func (j *Journal) Records() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]Record, 0, len(j.records))
	for _, r := range j.records {
		out = append(out, r.clone())
	}
	slices.SortFunc(out, func(a, b Record) int {
		if (a.Resolved == nil) != (b.Resolved == nil) {
			if a.Resolved == nil {
				return -1
			}
			return 1
		}
		return cmp.Or(b.Opened.Compare(a.Opened), strings.Compare(a.ID, b.ID))
	})
	return out
}

// Ended returns the records that were resolved since it was last called, for
// the measure of how long incidents take.
func (j *Journal) Ended() []Record {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.ended
	j.ended = nil
	return out
}

// Touched returns how many interventions were seen since it was last called.
func (j *Journal) Touched() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	n := j.touched
	j.touched = 0
	return n
}

func (r *Record) clone() Record {
	c := *r
	c.Services, c.Interventions, c.Names = slices.Clone(r.Services), slices.Clone(r.Interventions), slices.Clone(r.Names)
	return c
}
