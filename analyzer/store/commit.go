package store

import (
	"context"
	"fmt"

	"github.com/why401/why401/analyzer"
)

// Commit applies b in one transaction. Within a batch exemplars are kept
// before others are dropped, so that one that came and gave way is gone.
func (s *sqliteStore) Commit(ctx context.Context, b *analyzer.Batch) error {
	if isEmpty(b) {
		return ctx.Err()
	}
	return s.do(ctx, "write tables", func(ctx context.Context, t *tally) error {
		t.advance(b)
		for _, step := range []struct {
			table string
			write func(context.Context, *analyzer.Batch, *tally) error
		}{
			{"progress", s.writeProgress},
			{"keys", s.writeKeys},
			{"counts", s.writeCounts},
			{"populations", s.writePopulations},
			{"traces", s.writeTraces},
			{"exemplars", s.writeExemplars},
			{"changes", s.writeChanges},
			{"templates", s.writeTemplates},
			{"quarantine", s.writePoison},
			{"parts", s.writeParts},
		} {
			if err := step.write(ctx, b, t); err != nil {
				return fmt.Errorf("write %s: %w", step.table, err)
			}
		}
		return nil
	})
}

// advance moves the tally's clock to the newest event time of b.
func (t *tally) advance(b *analyzer.Batch) {
	if !b.Watermark.IsZero() {
		t.watermark = max(t.watermark, timeText(b.Watermark))
		t.day = max(t.day, floorDiv(minuteOf(b.Watermark), minutesPerDay))
	}
	for i := range b.Counts {
		t.day = max(t.day, floorDiv(b.Counts[i].Minute, minutesPerDay))
	}
	for i := range b.Populations {
		t.day = max(t.day, floorDiv(b.Populations[i].Hour, 24))
	}
}

func (s *sqliteStore) writeProgress(ctx context.Context, b *analyzer.Batch, t *tally) error {
	if t.watermark != "" && !b.Watermark.IsZero() {
		if _, err := s.stmt.watermark.ExecContext(ctx, t.watermark); err != nil {
			return err
		}
	}
	for name, n := range fields(&b.Totals) {
		if err := s.addTotal(ctx, name, *n); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStore) addTotal(ctx context.Context, name string, n int64) error {
	if n == 0 {
		return nil
	}
	if _, err := s.stmt.total.ExecContext(ctx, name, n); err != nil {
		return fmt.Errorf("add total %s: %w", name, err)
	}
	return nil
}

func (s *sqliteStore) writeKeys(ctx context.Context, b *analyzer.Batch, t *tally) error {
	minute := t.minute()
	if err := s.stmt.keys.append(ctx, &t.keysTail, minute, keyBytes, encodeKeys(b.Keys)); err != nil {
		return err
	}
	t.keys += int64(len(b.Keys))
	if err := s.stmt.accepted.append(ctx, &t.acceptedTail, minute, markBytes, encodeMarks(b.Accepted)); err != nil {
		return err
	}
	t.accepted += int64(len(b.Accepted))
	return nil
}

// minute is that of the watermark, or the end of the newest day known when no
// batch has told a watermark yet.
func (t *tally) minute() int64 {
	if at, err := parseTime(t.watermark); err == nil {
		return minuteOf(at)
	}
	return (t.day + 1) * minutesPerDay
}

func (s *sqliteStore) writeCounts(ctx context.Context, b *analyzer.Batch, t *tally) error {
	for i := range b.Counts {
		c := &b.Counts[i]
		if c.N == 0 {
			continue
		}
		id, err := s.seriesID(ctx, c.Cell, t.day)
		if err != nil {
			return err
		}
		if _, err := s.stmt.count.ExecContext(ctx, c.Minute, id, c.N); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStore) writePopulations(ctx context.Context, b *analyzer.Batch, t *tally) error {
	for i := range b.Populations {
		p := &b.Populations[i]
		if p.N == 0 {
			continue
		}
		id, err := s.serviceID(ctx, p.Service, t.day)
		if err != nil {
			return err
		}
		if _, err := s.stmt.population.ExecContext(ctx, p.Hour, id, string(p.Reason), string(p.Dimension), p.Value, p.N); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStore) writeExemplars(ctx context.Context, b *analyzer.Batch, t *tally) error {
	for i := range b.Exemplars {
		e := &b.Exemplars[i]
		id, err := s.serviceID(ctx, e.Service, t.day)
		if err != nil {
			return err
		}
		captures, err := encodeMap(e.Captures)
		if err != nil {
			return err
		}
		_, err = s.stmt.exemplar.ExecContext(ctx, e.Key[:], id, string(e.Reason), timeText(e.At), e.Rule, e.Library, e.Excerpt, e.InsertID, captures)
		if err != nil {
			return err
		}
	}
	for i := range b.Dropped {
		if _, err := s.stmt.drop.ExecContext(ctx, b.Dropped[i][:]); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStore) writeChanges(ctx context.Context, b *analyzer.Batch, t *tally) error {
	for i := range b.Changes {
		c := &b.Changes[i]
		id, err := s.serviceID(ctx, c.Service, t.day)
		if err != nil {
			return err
		}
		details, err := encodeMap(c.Details)
		if err != nil {
			return err
		}
		var key any // NULL, which is never a duplicate, when there is no identity
		if c.Key != (analyzer.Key{}) {
			key = c.Key[:]
		}
		_, err = s.stmt.change.ExecContext(ctx, key, string(c.Kind), c.Target, c.Version, id, c.Project, timeText(c.At), c.By, c.Evidence, details)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStore) writeTemplates(ctx context.Context, b *analyzer.Batch, t *tally) error {
	for i := range b.Templates {
		x := &b.Templates[i]
		id, err := s.serviceID(ctx, x.Service, t.day)
		if err != nil {
			return err
		}
		first := timeText(x.First)
		if _, err := s.stmt.template.ExecContext(ctx, id, x.Text, x.N, first, max(first, t.watermark)); err != nil {
			return err
		}
	}
	return nil
}

func (s *sqliteStore) writePoison(ctx context.Context, b *analyzer.Batch, t *tally) error {
	for i := range b.Poison {
		p := &b.Poison[i]
		result, err := s.stmt.poison.ExecContext(ctx, p.Key[:], timeText(p.At), p.Where, p.Reason, p.Bytes, notNil(p.Data))
		if err != nil {
			return err
		}
		added, err := result.RowsAffected()
		if err != nil {
			return err
		}
		t.quarantined += added
	}
	over := t.quarantined - int64(s.config.QuarantineMax)
	if over <= 0 {
		return nil
	}
	if _, err := s.stmt.oldestPoison.ExecContext(ctx, over); err != nil {
		return err
	}
	t.quarantined -= over
	return s.addTotal(ctx, quarantineDropped, over)
}

// quarantineDropped is the row of totals that counts what the quarantine had
// no room for.
const quarantineDropped = "quarantine_dropped"

// notNil keeps an empty blob from being taken for NULL.
func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
