package analyzer_test

import (
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

func TestUndecodable(t *testing.T) {
	for name, data := range map[string]string{
		"empty": "", "garbage": "what is this", "truncated": `{"insertId":"a","textPayl`, "array": `[1]`, "bare word": `{"a": tru}`,
		"trailing": `{"a":1} x`, "open string": `{"a":"b`, "too deep": strings.Repeat(`{"a":`, 100) + "1" + strings.Repeat("}", 100),
	} {
		t.Run(name, func(t *testing.T) {
			var h analyzer.Header
			err := analyzer.NewDecoder(nil).Scan(&analyzer.Message{Data: []byte(data)}, &h)
			if err == nil || !strings.Contains(err.Error(), "decode entry") {
				t.Errorf("error %v; want one that says what was wanted and found", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	for _, path := range archives(f) {
		_, fixtures := archive(f, path)
		for _, s := range fixtures {
			f.Add([]byte(s.json))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m := &analyzer.Message{Data: data}
		var h analyzer.Header
		d := analyzer.NewDecoder(nil)
		if d.Scan(m, &h) != nil {
			return
		}
		if _, err := d.Entry(m); err != nil {
			t.Skip() // scanned by structure, refused in full: quarantined
		}
	})
}
