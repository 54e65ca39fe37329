package store

import (
	"bytes"
	"reflect"
	"testing"

	"github.com/why401/why401/analyzer"
)

func TestTracesRoundTrip(t *testing.T) {
	big := bytes.Repeat([]byte("join "), traceBytes/3)
	want := []analyzer.TraceRow{
		{Hash: 0, Minute: 0, Data: []byte{}},
		{Hash: 1<<64 - 1, Minute: -1 << 63, Data: []byte("x")},
		{Hash: 3, Minute: 1<<63 - 1, Data: big},
		{Hash: 4, Minute: 29_921_040, Data: []byte("{}")},
	}
	var got []analyzer.TraceRow
	blobs := 0
	for rows := want; len(rows) > 0; blobs++ {
		blob, n, err := encodeTraces(rows)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeTraces(blob, func(r analyzer.TraceRow) { got = append(got, r) }); err != nil {
			t.Fatal(err)
		}
		rows = rows[n:]
	}
	if !reflect.DeepEqual(got, want) || blobs != 2 {
		t.Errorf("%d rows in %d blobs came back changed; want %d in 2", len(got), blobs, len(want))
	}
}

func TestTraceTooBig(t *testing.T) {
	if _, _, err := encodeTraces([]analyzer.TraceRow{{Data: make([]byte, maxTraceBytes)}}); err == nil {
		t.Error("a state was written that could not be read")
	}
}

// FuzzDecodeTraces: what parses is written and parsed again to the same rows.
func FuzzDecodeTraces(f *testing.F) {
	for _, rows := range [][]analyzer.TraceRow{{}, {{Hash: 1, Minute: -2, Data: []byte("abc")}, {Hash: 1}}} {
		blob, _, err := encodeTraces(rows)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(blob)
		f.Add(blob[:len(blob)/2])
	}
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0}) // claims 4 GiB
	f.Fuzz(func(t *testing.T, blob []byte) {
		var rows, again []analyzer.TraceRow
		if _, err := decodeTraces(blob, func(r analyzer.TraceRow) { rows = append(rows, r) }); err != nil {
			return
		}
		for rest := rows; len(rest) > 0; {
			blob, n, err := encodeTraces(rest)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decodeTraces(blob, func(r analyzer.TraceRow) { again = append(again, r) }); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !reflect.DeepEqual(rows, again) {
			t.Errorf("%d rows became %d", len(rows), len(again))
		}
	})
}
