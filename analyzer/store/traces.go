package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"

	"github.com/why401/why401/analyzer"
)

// The states of joins are written like keys, a compressed blob per batch, and
// the newest state of a trace counts. A row per trace would be nicer to read,
// but costs thirty times as much in a flood of refusals, each of which has a
// trace of its own.

// A blob of trace states is cut at traceBytes before compression; one state
// alone may be bigger, up to maxTraceBytes.
const (
	traceBytes    = 1 << 20
	maxTraceBytes = 64 << 20
)

// encodeTraces writes as many of rows as fit: hash, minute, length and data
// of each, then S2 over all.
func encodeTraces(rows []analyzer.TraceRow) (blob []byte, n int, err error) {
	var plain []byte
	for n < len(rows) && len(plain) < traceBytes {
		r := &rows[n]
		if most := maxTraceBytes - 2*traceBytes; len(r.Data) > most {
			return nil, 0, fmt.Errorf("state of trace %016x: want at most %d bytes, found %d", r.Hash, most, len(r.Data))
		}
		plain = binary.LittleEndian.AppendUint64(plain, r.Hash)
		plain = binary.AppendVarint(plain, r.Minute)
		plain = binary.AppendUvarint(plain, uint64(len(r.Data)))
		plain = append(plain, r.Data...)
		n++
	}
	return s2.Encode(nil, plain), n, nil
}

// decodeTraces gives each row of blob to take. Its Data belongs to the taker.
func decodeTraces(blob []byte, take func(analyzer.TraceRow)) (n int64, err error) {
	size, err := s2.DecodedLen(blob)
	if err != nil {
		return 0, fmt.Errorf("read length: %w", err)
	}
	if size > maxTraceBytes {
		return 0, fmt.Errorf("want at most %d bytes, found %d", maxTraceBytes, size)
	}
	plain, err := s2.Decode(nil, blob)
	if err != nil {
		return 0, fmt.Errorf("uncompress: %w", err)
	}
	for ; len(plain) > 0; n++ {
		if len(plain) < 8 {
			return n, errCutTrace
		}
		r := analyzer.TraceRow{Hash: binary.LittleEndian.Uint64(plain)}
		plain = plain[8:]
		var used int
		if r.Minute, used = binary.Varint(plain); used <= 0 {
			return n, errCutTrace
		}
		plain = plain[used:]
		length, used := binary.Uvarint(plain)
		if used <= 0 || length > uint64(len(plain)-used) {
			return n, errCutTrace
		}
		plain = plain[used:]
		r.Data, plain = plain[:length:length], plain[length:]
		take(r)
	}
	return n, nil
}

var errCutTrace = errors.New("a trace's state is cut short")

func (s *sqliteStore) writeTraces(ctx context.Context, b *analyzer.Batch, t *tally) error {
	for rows := b.Traces; len(rows) > 0; {
		blob, n, err := encodeTraces(rows)
		if err != nil {
			return err
		}
		if _, err := s.stmt.traces.ExecContext(ctx, t.minute(), n, blob); err != nil {
			return err
		}
		rows = rows[n:]
		t.traces += int64(n)
	}
	return nil
}

// readTraces keeps the newest state of each trace, in the order in which the
// traces first appeared.
func (r *reader) readTraces() error {
	at := map[uint64]int{}
	return r.each("SELECT count, blob FROM traces ORDER BY id", func(rows *sql.Rows) error {
		var count int64
		var blob sql.RawBytes
		if err := rows.Scan(&count, &blob); err != nil {
			return err
		}
		n, err := decodeTraces(blob, func(row analyzer.TraceRow) {
			if i, ok := at[row.Hash]; ok {
				r.out.Traces[i] = row
				return
			}
			at[row.Hash] = len(r.out.Traces)
			r.out.Traces = append(r.out.Traces, row)
		})
		if err == nil && n != count {
			err = fmt.Errorf("want %d traces, found %d", count, n)
		}
		return err
	})
}
