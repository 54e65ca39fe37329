package store

import (
	"context"
	"time"

	"github.com/why401/why401/analyzer"
)

// discardStore keeps nothing: for one run over files, whose ledger in memory
// is all that the report needs.
type discardStore struct{}

func openDiscard(context.Context, Config) (Store, error) { return discardStore{}, nil }

func (discardStore) Load(context.Context) (*analyzer.Loaded, error)             { return &analyzer.Loaded{}, nil }
func (discardStore) Commit(context.Context, *analyzer.Batch) error              { return nil }
func (discardStore) Quarantine(context.Context, int) ([]analyzer.Poison, error) { return nil, nil }
func (discardStore) Forget(context.Context, analyzer.Key) error                 { return nil }
func (discardStore) Sweep(context.Context, time.Time) (more bool, err error)    { return false, nil }
func (discardStore) Close() error                                               { return nil }
