package store

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/why401/why401/analyzer"
)

const (
	keyBytes  = 16
	markBytes = 8
)

func encodeKeys(keys []analyzer.Key) []byte {
	blob := make([]byte, 0, len(keys)*keyBytes)
	for i := range keys {
		blob = append(blob, keys[i][:]...)
	}
	return blob
}

func decodeKeys(to []analyzer.Key, blob []byte) []analyzer.Key {
	for ; len(blob) >= keyBytes; blob = blob[keyBytes:] {
		to = append(to, analyzer.Key(blob[:keyBytes]))
	}
	return to
}

func encodeMarks(marks []uint64) []byte {
	blob := make([]byte, 0, len(marks)*markBytes)
	for _, m := range marks {
		blob = binary.LittleEndian.AppendUint64(blob, m)
	}
	return blob
}

func decodeMarks(to []uint64, blob []byte) []uint64 {
	for ; len(blob) >= markBytes; blob = blob[markBytes:] {
		to = append(to, binary.LittleEndian.Uint64(blob))
	}
	return to
}

// timeLayout has a fixed width, so that texts compare like times.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// timeText also holds times that 64 bits of nanoseconds cannot, which hostile
// entries may carry; years that four digits cannot hold are cut to fit.
func timeText(t time.Time) string {
	t = t.UTC()
	switch y := t.Year(); {
	case y < 0:
		t = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	case y > 9999:
		t = time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC)
	}
	return t.Format(timeLayout)
}

func parseTime(text string) (time.Time, error) {
	t, err := time.Parse(timeLayout, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("want a time like %s, found %.40q", timeLayout, text)
	}
	return t, nil
}

func encodeMap(m map[string]string) (string, error) {
	if len(m) == 0 {
		return "", nil
	}
	text, err := json.Marshal(m)
	return string(text), err
}

func decodeMap(text string) (map[string]string, error) {
	if text == "" {
		return nil, nil
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return nil, fmt.Errorf("read map: %w", err)
	}
	return m, nil
}

// fields gives the counters of t their names in the table totals.
func fields(t *analyzer.Totals) map[string]*int64 {
	return map[string]*int64{
		"entries":    &t.Entries,
		"duplicates": &t.Duplicates,
		"malformed":  &t.Malformed,
		"self":       &t.Self,
		"late":       &t.Late,
		"overflow":   &t.Overflow,
	}
}

// isEmpty reports whether committing b would change nothing.
func isEmpty(b *analyzer.Batch) bool {
	return len(b.Keys) == 0 && len(b.Accepted) == 0 && len(b.Counts) == 0 && len(b.Populations) == 0 &&
		len(b.Traces) == 0 && len(b.Exemplars) == 0 && len(b.Dropped) == 0 && len(b.Changes) == 0 &&
		len(b.Templates) == 0 && len(b.Poison) == 0 && len(b.Parts) == 0 && b.Totals == analyzer.Totals{} && b.Watermark.IsZero()
}
