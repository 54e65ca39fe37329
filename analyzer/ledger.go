package analyzer

import (
	"cmp"
	"time"
)

// LedgerConfig bounds what a Ledger remembers.
type LedgerConfig struct {
	Keys      int           // identities for deduplication; 0 means 8 million (about 30 bytes each)
	Traces    int           // open joins; 0 means 1 million
	Marks     int           // accepted requests remembered for joins; 0 means 4 million
	JoinSpan  time.Duration // how long a trace may still grow behind the watermark; 0 means for ever
	Exemplars int           // kept per service and reason; 0 means 3
	Values    int           // kept per population; 0 means 64
	Changes   int           // kept; 0 means 10,000
	Templates int           // unmatched clusters kept per service; 0 means 200
	// RequestShare is the part of accepted requests whose logs the export
	// carries, above 0 and at most 1; 0 means 1. Their counts are estimates
	// then, and the report says so.
	RequestShare float64
	Volatile     bool // no store will hear of the batches: one run over files
}

func (c *LedgerConfig) defaults() {
	for _, d := range []struct {
		v *int
		n int
	}{{&c.Keys, 8 << 20}, {&c.Traces, 1 << 20}, {&c.Marks, 4 << 20}, {&c.Exemplars, 3}, {&c.Values, 64}, {&c.Changes, 10_000}, {&c.Templates, 200}} {
		if *d.v <= 0 {
			*d.v = d.n
		}
	}
}

// Ledger is the memory of the analyzer: everything that entries have told,
// as sums that do not depend on their order. It is not safe for concurrent
// use; the Pipeline serialises.
type Ledger struct {
	cfg       LedgerConfig
	seen      recent[Key]
	marks     recent[mark]
	traces    map[uint64]*traceJoin
	window    *Window
	pops      populations
	exemplars exemplars
	changes   keep[KeyedChange]
	templates populations       // masked texts of unmatched entries
	unclaimed map[Service]int64 // unmatched entries, all of them
	totals    Totals
	watermark time.Time
	first     time.Time

	// pending is the difference since the last batch.
	pending Batch
	counts  map[Cell]int64
	quick   map[quickCell]int64 // what every entry adds; folded into counts at the end of the batch
	popDiff map[popCell]int64
	bars    map[bar]uint64
	touched map[uint64]bool

	tap func(Finding) // nil: nobody looks on
}

// NewLedger returns an empty ledger.
func NewLedger(cfg LedgerConfig) *Ledger {
	cfg.defaults()
	l := &Ledger{
		cfg: cfg, traces: map[uint64]*traceJoin{}, window: NewWindow(), unclaimed: map[Service]int64{},
		counts: map[Cell]int64{}, quick: map[quickCell]int64{}, popDiff: map[popCell]int64{}, bars: map[bar]uint64{}, touched: map[uint64]bool{},
	}
	if cfg.RequestShare > 0 {
		l.window.share = cfg.RequestShare
	}
	l.seen.limit, l.marks.limit = cfg.Keys, cfg.Marks
	l.pops.limit, l.exemplars.limit, l.templates.limit = cfg.Values, cfg.Exemplars, cfg.Templates
	l.changes = keep[KeyedChange]{limit: cfg.Changes, less: laterChange}
	return l
}

// effect is what one entry does to the ledger. Workers make effects side by
// side; the ledger applies them one after the other.
type effect struct {
	key    Key
	at     int64 // unix nanoseconds of event time
	origin *Origin
	trace  uint64
	client uint64
	// instance and revision are set on a sample of the accepted requests
	instance, revision string
	status             string          // of a refused request
	request            Outcome         // what the status of a request log says
	class              *Classification // nil when no text was worth a look
	entry              *Entry          // set together with class
	poison             *Poison
	self               bool
	failed             bool // a request that was answered with 5xx
	joined             bool // put together from parts that were counted already
	part               bool // of a split entry, whose text waits for the others
}

// apply adds one entry and reports whether it was new and readable.
func (l *Ledger) apply(e *effect) bool {
	if e.joined {
		l.text(e, time.Unix(0, e.at).UTC())
		return true
	}
	l.pending.Totals.Entries++
	if e.poison != nil {
		l.poison(e.poison)
		return false
	}
	if e.self {
		l.pending.Totals.Self++
		return false
	}
	if e.key != (Key{}) {
		if !l.seen.add(e.key) {
			l.pending.Totals.Duplicates++
			return false
		}
		if e.class != nil || e.request != OutcomeNone || e.part {
			l.pending.Keys = append(l.pending.Keys, e.key)
		}
	}
	at := time.Unix(0, e.at).UTC()
	if at.After(l.watermark) {
		l.watermark = at
	}
	if l.first.IsZero() || at.Before(l.first) {
		l.first = at
	}
	l.quick[quickCell{e.origin, minute(e.at), KindSeen}]++
	if e.request != OutcomeNone {
		l.request(e)
	} else if e.failed {
		l.add(Cell{minute(e.at), e.origin.Service, KindFailed, ""}, 1)
	}
	if e.class != nil {
		l.text(e, at)
	}
	return true
}

func minute(nanos int64) int64 {
	m := nanos / int64(time.Minute)
	if nanos < 0 && nanos%int64(time.Minute) != 0 {
		m--
	}
	return m
}

func (l *Ledger) poison(p *Poison) {
	if !l.seen.add(p.Key) {
		l.pending.Totals.Duplicates++
		return
	}
	l.pending.Keys = append(l.pending.Keys, p.Key)
	l.pending.Totals.Malformed++
	l.pending.Poison = append(l.pending.Poison, *p)
}

// request counts a request log.
func (l *Ledger) request(e *effect) {
	l.callers(e)
	if e.request == OutcomeAccepted {
		l.quick[quickCell{e.origin, minute(e.at), KindAccepted}]++
		if e.trace != 0 {
			mark := markOf(e.trace, e.origin.Service)
			l.marks.add(mark)
			l.pending.Accepted = append(l.pending.Accepted, uint64(mark))
			if j := l.traces[e.trace]; j != nil {
				l.change(e.trace, j, func() { j.at(e.origin.Service).accepted = true })
			}
		}
		return
	}
	if e.class != nil && e.class.Primary() != Unspecified {
		return // the request log itself says why; text counts it
	}
	if j := l.join(e); j != nil {
		l.change(e.trace, j, func() { j.refuse(e) })
		return
	}
	l.add(Cell{minute(e.at), e.origin.Service, KindRequest, Unspecified}, 1)
}

// text counts what a classified text says.
func (l *Ledger) text(e *effect, at time.Time) {
	c, svc := e.class, e.origin.Service
	if c.Change != nil {
		l.noteChange(e)
	}
	if c.Stack == StackStart {
		l.add(Cell{minute(e.at), svc, KindStack, ""}, 1)
	}
	if c.Unmatched {
		l.unmatched(e, at)
	}
	reason := c.Primary()
	switch {
	case reason == "" && c.Outcome == OutcomeAccepted && e.request == OutcomeNone:
		l.add(Cell{minute(e.at), svc, KindSuccess, ""}, 1)
		return
	case reason == "" || e.request == OutcomeAccepted && reason == Unspecified:
		return
	case reason == Unspecified && e.request == OutcomeRefused:
		return // counted by its status already
	}
	l.populate(e, reason)
	l.tell(e, at)
	l.pending.Exemplars = l.exemplars.offer(e, reason, l.pending.Exemplars, &l.pending.Dropped)
	if j := l.join(e); j != nil {
		l.change(e.trace, j, func() { j.find(e, reason) })
		return
	}
	kind := KindFinding
	switch {
	case !reason.Refusal() && e.request != OutcomeRefused:
		kind = KindNotice
	case c.Stack == StackEnd:
		kind = KindStackEnd
	}
	l.add(Cell{minute(e.at), svc, kind, reason}, 1)
}

func (l *Ledger) add(c Cell, n int64) { l.counts[c] += n }

// quickCell is a Cell without a reason whose service is told by the place of
// an interned Origin: hashing names for every entry costs more than all else
// that a count does.
type quickCell struct {
	origin *Origin
	minute int64
	kind   Kind
}

// fold moves the quick counts where all are.
func (l *Ledger) fold() {
	for c, n := range l.quick {
		l.add(Cell{c.minute, c.origin.Service, c.kind, ""}, n)
	}
	clear(l.quick)
}

func (t *Totals) add(d Totals) {
	t.Entries += d.Entries
	t.Duplicates += d.Duplicates
	t.Malformed += d.Malformed
	t.Self += d.Self
	t.Late += d.Late
	t.Overflow += d.Overflow
}

func compareService(a, b Service) int {
	return cmp.Or(cmp.Compare(a.Environment, b.Environment), cmp.Compare(a.Name, b.Name))
}

func compareCell(a, b Cell) int {
	return cmp.Or(cmp.Compare(a.Minute, b.Minute), compareService(a.Service, b.Service), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Reason, b.Reason))
}
