package store

import (
	"context"
	"fmt"
	"time"

	"github.com/why401/why401/analyzer"
)

// Quarantine reads and clears the entries that could not be decoded. Their
// number is bounded by Config.QuarantineMax; Load leaves them out.
type Quarantine interface {
	// Quarantine returns at most limit entries, oldest first; all when limit
	// is 0 or less.
	Quarantine(ctx context.Context, limit int) ([]analyzer.Poison, error)
	// Forget removes one entry, after it was replayed. A key that is not
	// there is no error.
	Forget(ctx context.Context, key analyzer.Key) error
}

// Store is what every kind of store offers. It is safe for concurrent use.
type Store interface {
	analyzer.Store
	analyzer.Notes
	Quarantine
	// Sweep removes what is older than the retention, counted back from now,
	// which is event time. A call does a bounded amount of work and reports
	// whether there is more to do.
	Sweep(ctx context.Context, now time.Time) (more bool, err error)
	// Close ends the use of the store; a second Close does nothing.
	Close() error
}

// Stores are the kinds of store, by the word that Config.Kind takes. The
// functions fill in defaults but leave Config.Validate to Open. Nobody changes
// the map at run time.
var Stores = map[string]func(context.Context, Config) (Store, error){
	"discard": openDiscard,
	"memory":  openMemory,
	"sqlite":  openSQLite,
}

// Open checks c, fills in its defaults and opens the kind of store it names.
func Open(ctx context.Context, c Config) (Store, error) {
	if err := c.invalid(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return Stores[c.withDefaults().Kind](ctx, c)
}
