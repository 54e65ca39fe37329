package analyzer

import (
	"bytes"
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"
)

// Evidence is bounded, and which part of it is kept depends on the set of
// entries alone: the earliest exemplars, and of each population the values
// with the smallest hashes, which is a fair sample with exact counts.

type popKey struct {
	hour    int64
	service Service
	reason  Reason
	dim     Dimension
}

type popCell struct {
	popKey
	value string
}

type popValue struct {
	hash  uint64
	value string
	n     int64
}

// populations hold, for each service, reason, hour and dimension, the counts
// of at most limit values.
type populations struct {
	limit int
	m     map[popKey][]popValue // ordered by hash
}

// add counts n more of a value; it reports whether the value is kept.
func (p *populations) add(c popCell, n int64) bool {
	if p.m == nil {
		p.m = map[popKey][]popValue{}
	}
	vs := p.m[c.popKey]
	h := xxh3.HashString(c.value)
	i, ok := slices.BinarySearchFunc(vs, h, func(v popValue, h uint64) int { return cmp.Compare(v.hash, h) })
	switch {
	case ok:
		vs[i].n += n
		return true
	case i >= p.limit:
		return false
	}
	vs = slices.Insert(vs, i, popValue{h, c.value, n})
	p.m[c.popKey] = vs[:min(len(vs), p.limit)]
	return true
}

// populate notes who met a finding.
func (l *Ledger) populate(e *effect, r Reason) {
	key := popKey{hour: minute(e.at) / 60, service: e.origin.Service, reason: r}
	note := func(d Dimension, v string) {
		if v == "" {
			return
		}
		key.dim = d
		c := popCell{key, v}
		if l.pops.add(c, 1) && !l.cfg.Volatile {
			l.popDiff[c]++
		}
	}
	if name := e.entry.Origin.Instance; name != "" {
		note(DimInstance, inSlot(name, e.at))
	}
	note(DimRevision, e.entry.Origin.Revision)
	note(DimRule, e.class.Rule)
	for name, d := range map[string]Dimension{"kid": DimKeyID, "iss": DimIssuer, "aud": DimAudience, "alg": DimAlg} {
		note(d, e.class.Captures[name])
	}
	if seconds, ok := deltaOf(e.class.Captures, time.Unix(0, e.at)); ok {
		note(DimDelta, deltaStep(seconds))
	}
	if e.client != 0 {
		note(DimClient, strconv.FormatUint(e.client, 36))
	}
}

// slotMinutes is how finely instances are told apart in time: they come and
// go within an hour.
const slotMinutes = 5

// inSlot is an instance in five minutes of an hour, as NAME SLOT.
func inSlot(instance string, at int64) string {
	return instance + " " + strconv.FormatInt(minute(at)%60/slotMinutes, 10)
}

// sampled tells which accepted requests are looked at for their instance: one
// in sampling, chosen by identity, so that the order of arrival does not
// matter.
const sampling = 4

func sampled(k Key) bool { return k[0]%sampling == 0 }

// bar is a population that requests are offered to, and barred what it takes
// to come in: once full, it holds the values with the smallest hashes, so that
// most are turned away without a look at it.
type bar struct {
	origin *Origin
	hour   int64
	dim    Dimension
}

const maxBars = 16 << 10

// callers notes who was let through or refused, and by which instance.
func (l *Ledger) callers(e *effect) {
	hour := minute(e.at) / 60
	if e.status != "" {
		l.offer(bar{e.origin, hour, DimStatus}, xxh3.HashString(e.status), func() string { return e.status }, 1)
	}
	if e.revision != "" {
		l.offer(bar{e.origin, hour, DimRevision}, xxh3.HashString(e.revision), func() string { return e.revision }, sampling)
	}
	if e.instance != "" {
		v := inSlot(e.instance, e.at)
		l.offer(bar{e.origin, hour, DimInstance}, xxh3.HashString(v), func() string { return v }, sampling)
	}
	if e.client == 0 {
		return
	}
	dim := DimClient
	if e.request == OutcomeRefused {
		dim = DimRefused
	}
	var buf [16]byte
	text := strconv.AppendUint(buf[:0], e.client, 36)
	l.offer(bar{e.origin, hour, dim}, xxh3.Hash(text), func() string { return string(text) }, 1)
}

// offer adds n to a value of a population of requests, if there is room.
func (l *Ledger) offer(b bar, hash uint64, value func() string, n int64) {
	if top, ok := l.bars[b]; ok && hash > top {
		return
	}
	c := popCell{popKey{b.hour, b.origin.Service, "", b.dim}, value()}
	if l.pops.add(c, n) && !l.cfg.Volatile {
		l.popDiff[c] += n
	}
	if held := l.pops.m[c.popKey]; len(held) >= l.pops.limit {
		if len(l.bars) >= maxBars {
			clear(l.bars)
		}
		l.bars[b] = held[len(held)-1].hash
	}
}

type exemplarKey struct {
	service Service
	reason  Reason
	hour    int64
}

func exemplarKeyOf(x *Exemplar) exemplarKey {
	return exemplarKey{x.Service, x.Reason, minute(x.At.UnixNano()) / 60}
}

// exemplars keep the earliest entries of each service, reason and hour.
type exemplars struct {
	limit int
	m     map[exemplarKey][]Exemplar
}

func compareExemplar(a, b Exemplar) int {
	return cmp.Or(a.At.Compare(b.At), bytes.Compare(a.Key[:], b.Key[:]), cmp.Compare(a.Excerpt, b.Excerpt))
}

// offer keeps e's entry if it is among the earliest, and appends it to kept
// and the key of the one that gives way to dropped.
func (x *exemplars) offer(e *effect, r Reason, kept []Exemplar, dropped *[]Key) []Exemplar {
	if e.entry == nil {
		return kept
	}
	k := exemplarKey{e.origin.Service, r, minute(e.at) / 60}
	at := time.Unix(0, e.at).UTC()
	if have := x.m[k]; len(have) >= x.limit && at.After(have[len(have)-1].At) {
		return kept
	}
	ex := Exemplar{
		Key: e.key, Service: e.origin.Service, Reason: r, At: at, Rule: e.class.Rule, Library: e.class.Library,
		Excerpt: Excerpt(cmp.Or(e.class.Text, e.entry.Message), 300), InsertID: e.entry.InsertID, Captures: e.class.Captures,
	}
	if out, ok := x.insert(k, ex); !ok {
		return kept
	} else if out != nil {
		*dropped = append(*dropped, out.Key)
	}
	return append(kept, ex)
}

// insert adds ex in order; ok is false when it came too late, out is the one
// that gave way.
func (x *exemplars) insert(k exemplarKey, ex Exemplar) (out *Exemplar, ok bool) {
	if x.m == nil {
		x.m = map[exemplarKey][]Exemplar{}
	}
	have := x.m[k]
	i, _ := slices.BinarySearchFunc(have, ex, compareExemplar)
	if i >= x.limit {
		return nil, false
	}
	have = slices.Insert(have, i, ex)
	if len(have) > x.limit {
		out = &have[x.limit]
		have = have[:x.limit:x.limit]
	}
	x.m[k] = have
	return out, true
}

// keep is a bounded list in order of less that forgets its last.
type keep[T any] struct {
	limit int
	less  func(a, b T) int
	list  []T
}

// add inserts v unless an equal one is there or there is no room.
func (k *keep[T]) add(v T) bool {
	i, ok := slices.BinarySearchFunc(k.list, v, k.less)
	if ok || i >= k.limit {
		return false
	}
	k.list = slices.Insert(k.list, i, v)
	if len(k.list) > k.limit {
		k.list = k.list[:k.limit]
	}
	return true
}

// laterChange orders changes, the latest first.
func laterChange(a, b KeyedChange) int {
	return cmp.Or(b.At.Compare(a.At), bytes.Compare(a.Key[:], b.Key[:]), cmp.Compare(a.Kind, b.Kind))
}

func (l *Ledger) noteChange(e *effect) {
	c := KeyedChange{Key: e.key, Change: *e.class.Change}
	if c.Key == (Key{}) {
		h := xxh3.HashString128(string(c.Kind) + c.Target + c.Version + c.At.String()).Bytes()
		c.Key = Key(h)
	}
	if l.changes.add(c) {
		l.pending.Changes = append(l.pending.Changes, c)
	}
}

// unmatched counts an auth-looking entry that no rule claims, under its
// masked text.
func (l *Ledger) unmatched(e *effect, at time.Time) {
	text := Mask(e.entry.Message)
	l.unclaimed[e.origin.Service]++
	if l.templates.add(popCell{popKey{service: e.origin.Service}, text}, 1) {
		l.pending.Templates = append(l.pending.Templates, Template{e.origin.Service, text, 1, at})
	} else {
		l.pending.Templates = append(l.pending.Templates, Template{e.origin.Service, otherTemplates, 1, at})
	}
}

// otherTemplates stands for the clusters that there was no room for.
const otherTemplates = "(other texts)"
