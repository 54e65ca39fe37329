package analyzer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/why401/why401/analyzer/redact"
)

// Pipeline takes raw messages to committed counts. It is safe for concurrent
// use: groups are decoded and classified side by side and committed one after
// the other.
type Pipeline struct {
	classifier atomic.Pointer[Classifier]
	store      Store
	env        Environments
	own        func(trace uint64) bool // nil: no request is ours

	workers sync.Pool

	commits sync.Mutex // one group after the other; taken before mu, guards unsaved
	unsaved *Batch     // taken from the ledger, not yet in the store

	mu     sync.Mutex // guards ledger and joiner; never held while the store is at work, so that a store that hangs or fails stops nobody who only looks
	ledger *Ledger
	joiner *Joiner
}

// worker is what one group needs while it is decoded.
type worker struct {
	dec        *Decoder
	classifier Classifier // of the group
	effects    []effect
}

// NewPipeline builds a pipeline on what the store already holds.
func NewPipeline(ctx context.Context, c Classifier, store Store, env Environments, cfg LedgerConfig) (*Pipeline, error) {
	p := &Pipeline{store: store, env: env, ledger: NewLedger(cfg), joiner: &Joiner{}}
	p.Use(c)
	p.workers.New = func() any { return &worker{dec: NewDecoder(env)} }
	held, err := store.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load store: %w", err)
	}
	if err := p.ledger.Restore(held); err != nil {
		return nil, fmt.Errorf("restore ledger: %w", err)
	}
	for _, part := range held.Parts {
		var e Entry
		if err := json.Unmarshal(part.Data, &e); err != nil {
			return nil, fmt.Errorf("restore part of a split entry: %w", err)
		}
		p.joined(p.joiner.Add(&e))
	}
	return p, nil
}

// Use makes c what entries are classified with from the next group on; what
// was classified before stays as it is. It may be called at any time.
func (p *Pipeline) Use(c Classifier) { p.classifier.Store(&c) }

// LeaveOut keeps requests that are ours, such as canaries, out of every count:
// own tells them by the xxh3 hash of their trace id. It must be called before
// the first Handle, and own be safe for concurrent use.
func (p *Pipeline) LeaveOut(own func(trace uint64) bool) { p.own = own }

var _ Handler = (*Pipeline)(nil).Handle

// Handle decodes, classifies and commits a group. When it returns nil, all
// that follows from the group is in the store and the messages may be acked.
func (p *Pipeline) Handle(ctx context.Context, group []Message) error {
	w := p.workers.Get().(*worker)
	defer p.workers.Put(w)
	w.effects, w.classifier = w.effects[:0], *p.classifier.Load()
	for i := range group {
		w.effects = append(w.effects, p.read(w, &group[i]))
	}
	return p.change(ctx, func() bool {
		for i := range w.effects {
			p.apply(&w.effects[i])
		}
		clear(w.effects)
		p.ledger.expire()
		if p.ledger.cfg.JoinSpan > 0 {
			p.joined(p.joiner.Flush(p.ledger.watermark.Add(-splitWait)))
		}
		return true
	})
}

// change lets f change the ledger and commits what follows. f reports whether
// it changed anything.
func (p *Pipeline) change(ctx context.Context, f func() bool) error {
	p.commits.Lock()
	defer p.commits.Unlock()
	if err := p.save(ctx); err != nil {
		return err
	}
	p.mu.Lock()
	if f() {
		p.unsaved = p.ledger.take()
	}
	p.mu.Unlock()
	return p.save(ctx)
}

// apply adds one effect; a part of a split entry waits for the others.
func (p *Pipeline) apply(e *effect) {
	if e.entry == nil || e.entry.Split == nil {
		p.ledger.apply(e)
		return
	}
	part := *e // counted and known by its own key
	part.class, part.entry, part.part = nil, nil, true
	if !p.ledger.apply(&part) {
		return
	}
	p.joined(p.joiner.Add(e.entry))
}

// joined classifies entries that were put together from their parts.
func (p *Pipeline) joined(entries []*Entry) {
	for _, entry := range entries {
		c := (*p.classifier.Load()).Classify(entry)
		e := effect{at: entry.Time.UnixNano(), origin: entry.Origin, class: &c, entry: entry, joined: true}
		if entry.Trace != "" {
			e.trace = xxh3.HashString(entry.Trace)
		}
		p.ledger.apply(&e)
	}
	p.ledger.pending.Parts = append(p.ledger.pending.Parts, p.joiner.moved()...)
}

// Flush ends the waiting: what is there of split entries is classified as it
// is. It is called when the input has ended.
func (p *Pipeline) Flush(ctx context.Context) error {
	return p.change(ctx, func() bool {
		p.joined(p.joiner.Flush(time.Unix(1<<40, 0)))
		return true
	})
}

// Report says what is known now.
func (p *Pipeline) Report(cfg DiagnosisConfig) *Report {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.Report(cfg)
}

// save commits the batch that is not in the store yet. The ledger already
// holds it, so a batch that failed must go in before any other: it is tried
// again, for as long as ctx allows.
func (p *Pipeline) save(ctx context.Context) error {
	for wait := 50 * time.Millisecond; p.unsaved != nil; wait = min(2*wait, 5*time.Second) {
		err := p.store.Commit(ctx, p.unsaved)
		if err == nil {
			p.unsaved = nil
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("commit batch: %w", err), ctx.Err())
		case <-time.After(wait):
		}
	}
	return nil
}

// read turns one message into its effect.
func (p *Pipeline) read(w *worker, m *Message) effect {
	d := w.dec
	if len(m.Attributes) > 0 && isNotification(m) {
		return p.notification(m)
	}
	var h Header
	if err := d.Scan(m, &h); err != nil {
		return effect{poison: poisoned(m, err)}
	}
	if h.Self {
		return effect{self: true}
	}
	if h.Time == 0 {
		return effect{poison: poisoned(m, errNoTime)}
	}
	e := effect{key: h.Key, at: h.Time, origin: h.Origin, trace: h.Trace, client: h.Client}
	if h.Key == (Key{}) && m.ID != "" {
		e.key = Key(xxh3.HashString128("message\x00" + m.ID).Bytes())
	}
	switch {
	case h.Status == 401 || h.Status == 403:
		e.request, e.status = OutcomeRefused, "401"
		if h.Status == 403 {
			e.status = "403"
		}
	case h.Status >= 100 && h.Status < 400:
		e.request = OutcomeAccepted
		if sampled(e.key) {
			e.instance, e.revision = d.instanceName()
		}
	}
	e.failed = h.Status >= 500 && h.Status < 600
	if p.own != nil && h.Trace != 0 && p.own(h.Trace) {
		e.failed = false
		e.request, e.client, e.instance, e.revision, e.status = OutcomeNone, 0, "", "", ""
	}
	if !h.Audit && !h.Split && !(len(h.Text) > 0 && w.classifier.Screen(h.Text)) && !(h.Severity >= SeverityCritical && len(h.Text) == 0 && h.Status == 0) {
		return e
	}
	entry := d.whole(&h)
	c := w.classifier.Classify(entry)
	e.entry, e.class = entry, &c
	return e
}

var errNoTime = errors.New("wanted timestamp or receiveTimestamp, found neither: an entry without a time has no place in any window")

// poisonBytes is how much of an undecodable entry the quarantine keeps.
const poisonBytes = 4 << 10

func poisoned(m *Message, err error) *Poison {
	hash := xxh3.New()
	_, _ = hash.Write(m.Data)
	_, _ = hash.WriteString("\x00" + m.ID)
	if m.ID == "" {
		_, _ = hash.WriteString("\x00" + m.Where)
	}
	data := m.Data[:min(len(m.Data), poisonBytes)]
	return &Poison{
		Key: Key(hash.Sum128().Bytes()), At: m.Published, Where: m.Where, Reason: err.Error(),
		Data: []byte(redact.Text(strings.ToValidUTF8(string(data), "\uFFFD"))), Bytes: len(m.Data),
	}
}

// View calls f with the ledger while nothing changes it. f must not keep it.
func (p *Pipeline) View(f func(l *Ledger)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f(p.ledger)
}

// Totals are the counts of entries so far.
func (p *Pipeline) Totals() Totals {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ledger.Totals()
}
