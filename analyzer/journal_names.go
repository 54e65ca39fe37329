package analyzer

import (
	"slices"
	"time"
)

// The diagnosis names an incident after what it knows now: what a probe saw
// before anybody was refused by its cause, what users met by the complaint that
// it began with. A Journal knows what the incidents of before became, so that
// a fault keeps one name, and people one alert, while it is understood better.

// continues is how long after its end an incident may be taken up by another.
const continues = time.Hour

// Name gives the incidents of a report the ids of those that they continue. It
// comes before [Journal.Follow], and before anybody else sees the report.
func (j *Journal) Name(r *Report) {
	j.mu.Lock()
	defer j.mu.Unlock()
	taken := map[string]bool{}
	var fresh []*Incident // those that may continue another
	for i := range r.Incidents {
		in := &r.Incidents[i]
		if id, ok := j.names[in.ID]; ok && !taken[id] {
			in.ID = id
		}
		rec := j.records[in.ID]
		if taken[in.ID] = rec != nil; rec == nil || rec.Cause != in.Cause {
			fresh = append(fresh, in)
		}
	}
	for _, in := range fresh {
		rec := j.continued(in, taken, r.Span.To)
		if rec == nil || taken[in.ID] && (rec.Cause != in.Cause || rec.Resolved != nil) {
			continue // it is known, and no other was told of its cause
		}
		delete(taken, in.ID)
		rec.Names = append(rec.Names, in.ID)
		j.names[in.ID], in.ID = rec.ID, rec.ID
		taken[rec.ID] = true
	}
}

// continued is the record that a new incident takes up: of the same key domain,
// with a service in common and a cause that the same entries may show. Of
// several it is the one of the same cause, then one that is open, then the
// latest.
func (j *Journal) continued(in *Incident, taken map[string]bool, now time.Time) *Record {
	if in.Resolved != nil {
		return nil
	}
	var best *Record
	for _, rec := range j.records {
		if taken[rec.ID] || len(rec.Names) >= maxNames || rec.KeyDomain != in.KeyDomain || rec.Environment != in.Environment || rec.Resolved != nil && now.Sub(*rec.Resolved) > continues {
			continue
		}
		if !akin(rec.Cause, in.Cause) || !slices.ContainsFunc(rec.Services, func(s string) bool { return slices.Contains(in.Services, s) }) {
			continue
		}
		if best == nil || rec.before(best, in.Cause) {
			best = rec
		}
	}
	return best
}

// maxNames bounds the names of one record.
const maxNames = 20

// before orders the records that an incident of a cause may continue.
func (r *Record) before(o *Record, c Cause) bool {
	for _, d := range [][2]bool{{r.Cause == c, o.Cause == c}, {r.Resolved == nil, o.Resolved == nil}} {
		if d[0] != d[1] {
			return d[0]
		}
	}
	if !r.Opened.Equal(o.Opened) {
		return r.Opened.After(o.Opened)
	}
	return r.ID < o.ID
}

// akin reports whether the same entries may show both causes.
func akin(a, b Cause) bool {
	if a == b {
		return true
	}
	of := b.shows()
	return slices.ContainsFunc(a.shows(), func(r Reason) bool { return slices.Contains(of, r) })
}

// shows are the reasons of the entries that a cause may show itself by, those
// of the families included that fall back on it. What nobody explains may be
// anything, and makes nothing akin.
func (c Cause) shows() []Reason {
	out := slices.Clone(c.Info().Reasons)
	for i := range families {
		if families[i].unknown == c {
			out = append(out, families[i].reasons...)
		}
	}
	return slices.DeleteFunc(out, func(r Reason) bool { return r == Unspecified })
}
