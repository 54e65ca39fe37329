package store

import (
	"context"
	"fmt"

	"github.com/why401/why401/analyzer"
)

// ids remembers the rows of the tables services and series, and the last day
// written to them: they are touched once a day, not once a batch.
type ids struct {
	services map[analyzer.Service]row
	series   map[seriesKey]row
}

type row struct{ id, day int64 }

type seriesKey struct {
	service int64
	kind    analyzer.Kind
	reason  analyzer.Reason
}

// maxIDs bounds each map of ids; a full one starts anew.
const maxIDs = 100_000

func newIDs() ids {
	return ids{services: map[analyzer.Service]row{}, series: map[seriesKey]row{}}
}

// reset forgets everything, after rows were rolled back or removed.
func (d *ids) reset() {
	clear(d.services)
	clear(d.series)
}

func (s *sqliteStore) serviceID(ctx context.Context, service analyzer.Service, day int64) (int64, error) {
	if r, ok := s.ids.services[service]; ok && r.day >= day {
		return r.id, nil
	}
	r := row{day: day}
	if err := s.stmt.service.QueryRowContext(ctx, service.Name, service.Environment, day).Scan(&r.id); err != nil {
		return 0, fmt.Errorf("name service: %w", err)
	}
	if len(s.ids.services) >= maxIDs {
		clear(s.ids.services)
	}
	s.ids.services[service] = r
	return r.id, nil
}

func (s *sqliteStore) seriesID(ctx context.Context, c analyzer.Cell, day int64) (int64, error) {
	service, err := s.serviceID(ctx, c.Service, day)
	if err != nil {
		return 0, err
	}
	key := seriesKey{service, c.Kind, c.Reason}
	if r, ok := s.ids.series[key]; ok && r.day >= day {
		return r.id, nil
	}
	r := row{day: day}
	if err := s.stmt.series.QueryRowContext(ctx, service, string(c.Kind), string(c.Reason), day).Scan(&r.id); err != nil {
		return 0, fmt.Errorf("name series: %w", err)
	}
	if len(s.ids.series) >= maxIDs {
		clear(s.ids.series)
	}
	s.ids.series[key] = r
	return r.id, nil
}
