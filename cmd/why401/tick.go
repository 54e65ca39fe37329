package main

import (
	"context"
	"time"

	"github.com/why401/why401/analyzer"
)

// ticks diagnoses at every tick until ctx ends, and once more then, so that
// people hear of what the last entries told.
func (d *daemon) ticks(ctx context.Context) {
	t := time.NewTicker(d.config().Diagnosis.Tick)
	defer t.Stop()
	for {
		d.tick(ctx)
		select {
		case <-ctx.Done():
			d.tick(context.WithoutCancel(ctx))
			return
		case <-t.C:
		}
	}
}

// tick makes the update of one tick and gives it to everybody.
func (d *daemon) tick(ctx context.Context) {
	d.mu.Lock()
	defer d.mu.Unlock()
	u := d.update(ctx)
	for _, s := range []analyzer.Sink{d.metrics, d.web, d.notifier} {
		if err := s.Deliver(ctx, u); err != nil && ctx.Err() == nil { // what the end cut short the last tick makes up for
			d.log.Error().Err(err).Msg("sink failed")
		}
	}
}

// update puts together what is known now and what changed since the last
// tick. What cannot be written down is told, and tried again with the next.
func (d *daemon) update(ctx context.Context) *analyzer.Update {
	diagnosis := d.cfg.diagnosis()
	var ready bool
	diagnosis.Probes, ready = d.seen.latest()
	u := &analyzer.Update{Report: d.pipeline.Report(diagnosis), Probes: diagnosis.Probes}
	u.At = u.Report.Span.To
	jwt := analyzer.JWTHealthOf(d.cfg.KeyDomains, diagnosis.Probes)
	if u.JWT = &jwt; !ready {
		u.Unready = "the first round of probes is under way"
	}
	d.journal.Name(u.Report)
	if err := d.journal.Follow(ctx, u.Report); err != nil {
		d.log.Error().Err(err).Msg("lives of incidents were not written")
	}
	u.Records, u.Ended, u.Interventions = d.journal.Records(), d.journal.Ended(), d.journal.Touched()
	var err error
	if u.Alerts, err = d.alerts.Follow(ctx, d.held, time.Now(), u.Report); err != nil {
		d.log.Error().Err(err).Msg("states of alerts were not written")
	}
	if err := d.rotations.follow(ctx, d.held, d.cfg.KeyDomains, u.Report.Changes, diagnosis.Probes); err != nil {
		d.log.Error().Err(err).Msg("rotations were not written")
	}
	u.Changed = d.changed(u.Report.Incidents)
	return u
}

// changed returns the incidents that opened, whose verdict changed, or that
// were resolved since the last tick.
func (d *daemon) changed(all []analyzer.Incident) []analyzer.Incident {
	var out []analyzer.Incident
	stand := map[string]bool{}
	for _, in := range all {
		before, told := d.told[in.ID]
		switch {
		case in.Resolved == nil:
			stand[in.ID] = true
			if told && before == in.Verdict {
				continue
			}
			d.told[in.ID] = in.Verdict
			d.log.Warn().Str("incident", in.ID).Str("cause", string(in.Cause)).Str("verdict", string(in.Verdict)).Strs("services", in.Services).Msg("incident")
		case told:
			d.log.Info().Str("incident", in.ID).Str("cause", string(in.Cause)).Msg("incident resolved")
		default:
			continue
		}
		out = append(out, in)
	}
	for id := range d.told {
		if !stand[id] {
			delete(d.told, id)
		}
	}
	return out
}
