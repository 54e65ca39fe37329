package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/why401/why401/analyzer"
)

// rotations follows the rotations of all key domains, from what probes see of
// instances and what the log tells of versions and deploys. It is safe for
// concurrent use.
type rotations struct {
	mu    sync.Mutex
	held  map[string]*analyzer.Rotation // by key domain
	seen  map[string][]analyzer.Sighting
	noted time.Time
}

// rotationTopic is where rotations are noted, by key domain.
const rotationTopic = "rotation"

// wayBack ends the key of the same rotation seen the other way round: what it
// takes until the new version may go again.
const wayBack = "/back"

// maxSightings bounds what waits for the next tick.
const maxSightings = 100_000

// domainKey names a key domain in one environment.
func domainKey(d *analyzer.KeyDomain) string { return d.Name + "/" + d.Environment }

// openRotations goes on with what the process before followed.
func (d *daemon) openRotations(ctx context.Context) error {
	d.rotations = &rotations{held: map[string]*analyzer.Rotation{}, seen: map[string][]analyzer.Sighting{}}
	held, err := notedRotations(ctx, d.held)
	if err != nil {
		d.log.Error().Err(err).Msg("rotations under way begin anew")
	}
	d.rotations.held = held
	return nil
}

// notedRotations reads the rotations that were noted.
func notedRotations(ctx context.Context, notes analyzer.Notes) (map[string]*analyzer.Rotation, error) {
	out := map[string]*analyzer.Rotation{}
	held, err := notes.Notes(ctx, rotationTopic)
	if err != nil {
		return out, fmt.Errorf("read rotations: %w", err)
	}
	var errs []error
	for key, data := range held {
		r := analyzer.NewRotation("", "", "", time.Time{})
		if err := json.Unmarshal(data, r); err != nil {
			errs = append(errs, fmt.Errorf("read rotation of %s: %w", key, err))
			continue
		}
		out[key] = r
	}
	return out, errors.Join(errs...)
}

// see takes a sighting of a probe.
func (r *rotations) see(domain analyzer.KeyDomain, s analyzer.Sighting) {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := domainKey(&domain)
	if len(r.seen[key]) < maxSightings {
		r.seen[key] = append(r.seen[key], s)
	}
}

// follow brings every rotation up to date and notes it.
func (r *rotations) follow(ctx context.Context, notes analyzer.Notes, domains []analyzer.KeyDomain, changes []analyzer.Change, probes []analyzer.ProbeResult) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	due := time.Since(r.noted) >= noteEvery
	for i := range domains {
		d := &domains[i]
		key := domainKey(d)
		if began := newestRotation(d, changes); began != nil && (r.held[key] == nil || r.held[key].New != began.New) {
			r.held[key] = began
			r.held[key+wayBack] = analyzer.NewRotation(d.Name, began.New, began.Old, began.Started)
			due = true
		}
		for _, rot := range []*analyzer.Rotation{r.held[key], r.held[key+wayBack]} {
			if rot != nil {
				feed(rot, d, r.seen[key], changes, probes)
			}
		}
		r.seen[key] = nil
	}
	if !due {
		return nil
	}
	r.noted = time.Now()
	for _, key := range slices.Sorted(maps.Keys(r.held)) {
		data, err := json.Marshal(r.held[key])
		if err == nil {
			err = notes.Note(ctx, rotationTopic, key, data)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// feed tells a rotation what was seen since the last tick.
func feed(rot *analyzer.Rotation, d *analyzer.KeyDomain, seen []analyzer.Sighting, changes []analyzer.Change, probes []analyzer.ProbeResult) {
	for _, s := range seen {
		rot.See(s)
	}
	for _, c := range changes {
		if c.Kind == analyzer.RevisionDeployed && !c.At.Before(rot.Started) && slices.ContainsFunc(d.Services, func(m analyzer.Member) bool { return m.Name == c.Target }) {
			rot.Deploy(c.Target, c.At)
		}
	}
	for _, p := range probes {
		if life, err := strconv.ParseFloat(p.Facts["token_ttl_seconds"], 64); err == nil && p.Domain == d.Name {
			rot.Token("", time.Duration(life*float64(time.Second)), time.Time{})
		}
	}
}

// newestRotation is the rotation that the latest new version of a domain's
// secret began, or nil. The old version is the one before it.
func newestRotation(d *analyzer.KeyDomain, changes []analyzer.Change) *analyzer.Rotation {
	if d.Secret == "" {
		return nil
	}
	var added []analyzer.Change
	for _, c := range changes {
		if (c.Kind == analyzer.SecretVersionAdded || c.Kind == analyzer.SecretRotated) && lastPart(c.Target) == lastPart(d.Secret) && c.Version != "" &&
			(d.Environment == "" || c.Service.Environment == "" || c.Service.Environment == d.Environment) {
			added = append(added, c)
		}
	}
	if len(added) == 0 {
		return nil
	}
	slices.SortFunc(added, func(a, b analyzer.Change) int { return a.At.Compare(b.At) })
	newest := added[len(added)-1]
	old := ""
	if n, err := strconv.Atoi(newest.Version); err == nil && n > 1 {
		old = strconv.Itoa(n - 1)
	}
	for _, c := range added {
		if c.Version != newest.Version {
			old = c.Version
		}
	}
	if old == "" {
		return nil // the first version of all
	}
	return analyzer.NewRotation(d.Name, old, newest.Version, newest.At)
}

func lastPart(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
