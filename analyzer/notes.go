package analyzer

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Notes keeps small things that must survive a restart, such as who was told
// of which alert. Package store implements it.
type Notes interface {
	// Notes returns everything written under a topic, by key.
	Notes(ctx context.Context, topic string) (map[string][]byte, error)
	// Note writes data under topic and key, durably; no data removes it.
	Note(ctx context.Context, topic, key string, data []byte) error
}

// alertTopic is where the states of alerts are noted.
const alertTopic = "alert"

// OpenAlerts begins where the process before stopped. The error lists what of
// its notes could not be read; without them the alerts that stand are raised
// anew.
func OpenAlerts(ctx context.Context, cfg AlertConfig, notes Notes) (*Alerts, error) {
	a := NewAlerts(cfg)
	held, err := notes.Notes(ctx, alertTopic)
	if err != nil {
		return a, fmt.Errorf("read alerts: %w", err)
	}
	var errs []error
	for f, data := range held {
		errs = append(errs, a.Restore(f, data))
	}
	return a, errors.Join(errs...)
}

// Follow derives the alerts of a report and notes what changed, so that a
// crash after it loses nothing. The alerts hold whatever the error; what
// could not be noted is tried again the next time.
func (a *Alerts) Follow(ctx context.Context, notes Notes, now time.Time, r *Report) ([]Alert, error) {
	out := a.Derive(now, r)
	changed, err := a.Changed()
	if err != nil {
		return out, err
	}
	var errs []error
	for f, data := range changed {
		if err := notes.Note(ctx, alertTopic, f, data); err != nil {
			errs = append(errs, err)
			continue
		}
		a.Saved(f)
	}
	return out, errors.Join(errs...)
}
