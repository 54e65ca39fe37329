package analyzer

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/why401/why401/analyzer/redact"
)

// Bounds of a Joiner.
const (
	splitWait    = 30 * time.Second // of event time
	maxSplits    = 1024             // entries being put together
	maxSplitPart = 1024             // parts of one entry
	maxSplitSize = 16 << 20         // bytes of text waiting
)

// Joiner puts entries together that Cloud Logging cut into parts because they
// were too long. Parts may come in any order and more than once. It is not
// safe for concurrent use. The zero Joiner is ready.
type Joiner struct {
	// Incomplete counts entries that were handed on with parts missing.
	Incomplete int

	waiting map[string]*assembly
	newest  time.Time
	size    int
	moves   []Part // parts that came and went since moved was called
}

// assembly is one entry being put together.
type assembly struct {
	parts map[int]*Entry
	total int
	first time.Time // event time of the earliest part
	size  int
}

// Add takes one entry and returns those that are done: e itself if it was
// never cut, the whole entry with its last part, and what has waited for a
// part for 30 s of event time.
//
// A whole entry has no Split any more; one with parts missing keeps that of
// the first part it has. Either has the Key of its lowest part, so that the
// order of arrival leaves no trace.
func (j *Joiner) Add(e *Entry) (done []*Entry) {
	if e.Time.After(j.newest) {
		j.newest = e.Time
	}
	switch s := e.Split; {
	case s == nil || s.Total == 1 || s.Total == 0 && s.Index == 0:
		done = append(done, e)
	case s.UID == "" || s.Index < 0 || s.Index >= s.Total || s.Total > maxSplitPart:
		j.Incomplete++
		done = append(done, e)
	default:
		if whole := j.put(e); whole != nil {
			done = append(done, whole)
		}
	}
	if len(j.waiting) > 0 {
		done = append(done, j.flush(j.newest.Add(-splitWait), false)...)
	}
	for len(j.waiting) > maxSplits || j.size > maxSplitSize {
		done = append(done, j.evict())
	}
	return done
}

// Flush returns what is there of the entries whose first part is older than
// before; of all when before is the zero Time.
func (j *Joiner) Flush(before time.Time) []*Entry {
	return j.flush(before, before.IsZero())
}

func (j *Joiner) put(e *Entry) (whole *Entry) {
	id := e.LogName + "\x00" + e.Split.UID
	a := j.waiting[id]
	if a == nil {
		if j.waiting == nil {
			j.waiting = make(map[string]*assembly)
		}
		a = &assembly{parts: make(map[int]*Entry), first: e.Time}
		j.waiting[id] = a
	}
	a.total = max(a.total, e.Split.Total)
	if e.Time.Before(a.first) {
		a.first = e.Time
	}
	if known := a.parts[e.Split.Index]; known != nil {
		if bytes.Compare(known.Key[:], e.Key[:]) <= 0 {
			return nil
		}
		a.size -= sizeOf(known)
		j.size -= sizeOf(known)
		j.moves = append(j.moves, Part{Key: known.Key})
	}
	a.parts[e.Split.Index] = e
	a.size += sizeOf(e)
	j.size += sizeOf(e)
	j.came(e)
	if len(a.parts) < a.total {
		return nil
	}
	return j.take(id)
}

// came notes that a part waits now. One without an identity could not be told
// from its own redelivery, and waits in memory only.
func (j *Joiner) came(e *Entry) {
	if e.Key == (Key{}) {
		return
	}
	data, err := json.Marshal(e)
	if err != nil {
		return // an Entry holds nothing that JSON cannot
	}
	j.moves = append(j.moves, Part{e.Key, data})
}

// moved returns which parts came and went since it was last called.
func (j *Joiner) moved() []Part {
	out := j.moves
	j.moves = nil
	return out
}

func sizeOf(e *Entry) int {
	n := len(e.Message)
	for i := range e.Fields {
		n += len(e.Fields[i].Path) + len(e.Fields[i].Value)
	}
	return n
}

func (j *Joiner) flush(before time.Time, all bool) (done []*Entry) {
	var late []string
	for id, a := range j.waiting {
		if all || a.first.Before(before) {
			late = append(late, id)
		}
	}
	slices.SortFunc(late, func(x, y string) int {
		return cmp.Or(j.waiting[x].first.Compare(j.waiting[y].first), strings.Compare(x, y))
	})
	for _, id := range late {
		done = append(done, j.take(id))
	}
	return done
}

// evict gives up the entry that has waited longest.
func (j *Joiner) evict() *Entry {
	var oldest string
	for id, a := range j.waiting {
		if o := j.waiting[oldest]; o == nil || cmp.Or(a.first.Compare(o.first), strings.Compare(id, oldest)) < 0 {
			oldest = id
		}
	}
	return j.take(oldest)
}

// take joins the parts there are and forgets the assembly.
func (j *Joiner) take(id string) *Entry {
	a := j.waiting[id]
	delete(j.waiting, id)
	j.size -= a.size
	indexes := make([]int, 0, len(a.parts))
	for index := range a.parts {
		indexes = append(indexes, index)
	}
	slices.Sort(indexes)
	for _, index := range indexes {
		j.moves = append(j.moves, Part{Key: a.parts[index].Key})
	}
	whole := *a.parts[indexes[0]]
	whole.Fields = slices.Clone(whole.Fields)
	texts := make([]string, 0, len(indexes))
	gap := indexes[0] > 0
	for n, index := range indexes {
		part := a.parts[index]
		gap = gap || n > 0 && index != indexes[n-1]+1
		texts = append(texts, beginning(part.Message, texts, gap))
		if n > 0 {
			whole.Fields = mergeFields(whole.Fields, part.Fields)
		}
		gap = false
	}
	whole.Message = redact.Text(joinTexts(texts))
	if len(indexes) == a.total {
		whole.Split = nil
	} else {
		j.Incomplete++
	}
	return &whole
}

// beginning returns a part's text without the rest of a token that the part
// before it began: each part was redacted alone, so the cut hides from redact.Text
// that its first characters continue a token.
func beginning(text string, before []string, gap bool) string {
	if gap {
		if n := tokenRun(text); n >= 16 {
			return redact.Secret + text[n:]
		}
		return text
	}
	if len(before) > 0 && strings.HasSuffix(before[len(before)-1], "]") {
		return text[tokenRun(text):]
	}
	return text
}

// tokenRun returns how many leading bytes of s could belong to a token.
func tokenRun(s string) int {
	for i := range len(s) {
		ch := s[i]
		if (ch|0x20 < 'a' || ch|0x20 > 'z') && (ch < '0' || ch > '9') && strings.IndexByte("-_.+/=~%", ch) < 0 {
			return i
		}
	}
	return len(s)
}

// joinTexts concatenates the parts' texts. Where all are the same, the text
// was not what Cloud Logging cut.
func joinTexts(texts []string) string {
	same := len(texts) > 1
	for _, text := range texts {
		same = same && text == texts[0]
	}
	if same {
		return texts[0]
	}
	return strings.Join(texts, "")
}

// mergeFields adds a later part's fields: those that every part repeats stay
// as they are, a text that goes on is continued, new ones follow.
func mergeFields(fields, more []Field) []Field {
	at := make(map[string]int, len(fields))
	for i := range fields {
		at[fields[i].Path] = i
	}
	for _, f := range more {
		i, known := at[f.Path]
		switch {
		case !known && len(fields) < maxFields:
			at[f.Path] = len(fields)
			fields = append(fields, f)
		case known && fields[i].Value != f.Value:
			rest := beginning(f.Value, []string{fields[i].Value}, false)
			fields[i].Value = redact.Field(f.Path, fields[i].Value+rest)
		}
	}
	return fields
}
