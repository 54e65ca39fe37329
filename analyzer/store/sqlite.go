package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/why401/why401/analyzer"
	_ "modernc.org/sqlite" // the driver named "sqlite"
)

// sqliteStore is a Store in one SQLite file. All work goes through one
// connection, whose statements are prepared once; turn serialises its users.
type sqliteStore struct {
	config Config
	db     *sql.DB
	conn   *sql.Conn
	lock   *os.File // nil when read-only
	turn   chan struct{}
	closed bool
	stmt   statements
	ids    ids
	tally  tally
}

// tally is what the store knows of its own tables without asking: it changes
// with a transaction and only when that commits.
type tally struct {
	keys, accepted, traces int64 // in blobs
	quarantined            int64 // rows
	day                    int64 // of the newest event time
	watermark              string

	keysTail, acceptedTail tail
}

func openSQLite(ctx context.Context, c Config) (Store, error) {
	steps, err := migrations()
	if err != nil {
		return nil, err
	}
	s, err := openFile(ctx, c.withDefaults(), steps)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func openFile(ctx context.Context, c Config, steps []string) (*sqliteStore, error) {
	path, err := resolve(c.Path)
	if err != nil {
		return nil, err
	}
	c.Path = path
	s := &sqliteStore{config: c, turn: make(chan struct{}, 1), ids: newIDs()}
	if err := s.start(ctx, steps); err != nil {
		return nil, errors.Join(explain(path, err), s.Close())
	}
	return s, nil
}

// resolve makes path absolute and follows links, so that two names of one
// file share one lock.
func resolve(path string) (string, error) {
	if path == "" {
		return "", errors.New("want the path of a file, found none")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	if target, err := filepath.EvalSymlinks(abs); err == nil {
		return target, nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(abs)); err == nil {
		return filepath.Join(dir, filepath.Base(abs)), nil
	}
	return abs, nil // what is wrong with it shows when it is opened
}

func (s *sqliteStore) start(ctx context.Context, steps []string) error {
	if err := s.prepareFile(); err != nil {
		return err
	}
	db, err := sql.Open("sqlite", dsn(s.config))
	if err != nil {
		return fmt.Errorf("open %s: %w", s.config.Path, err)
	}
	s.db = db
	if s.conn, err = db.Conn(ctx); err != nil {
		return fmt.Errorf("open %s: %w", s.config.Path, err)
	}
	if err := s.configure(ctx); err != nil {
		return err
	}
	version, err := schemaVersion(ctx, s.conn, s.config.Path)
	if err != nil {
		return err
	}
	if !s.config.ReadOnly { // only now: the file is ours
		if err := s.useLog(ctx); err != nil {
			return err
		}
	}
	if err := migrate(ctx, s.conn, s.config, version, steps); err != nil {
		return err
	}
	if !s.config.ReadOnly { // a file that takes no writes is told now, not at the first batch
		if err := setMeta(ctx, s.conn, "opened", time.Now().UTC().Format(time.RFC3339)); err != nil {
			return err
		}
	}
	if err := s.stmt.prepare(ctx, s.conn); err != nil {
		return err
	}
	return s.takeStock(ctx)
}

// prepareFile takes the lock and sees to it that a new file, which will hold
// excerpts of logs, belongs to its owner alone.
func (s *sqliteStore) prepareFile() error {
	if s.config.ReadOnly {
		if _, err := os.Stat(s.config.Path); err != nil {
			return fmt.Errorf("find store: %w", err)
		}
		return nil
	}
	lock, err := lockFile(s.config.Path)
	if err != nil {
		return err
	}
	s.lock = lock
	f, err := os.OpenFile(s.config.Path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("create file: %w: want a regular file that may be written to", err)
	}
	return f.Close()
}

func dsn(c Config) string {
	path := filepath.ToSlash(c.Path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // a Windows drive
	}
	u := url.URL{Scheme: "file", Path: path}
	if c.ReadOnly {
		u.RawQuery = "mode=ro"
	}
	return u.String()
}

func (s *sqliteStore) configure(ctx context.Context) error {
	pragmas := []string{
		"busy_timeout = 5000",
		"trusted_schema = OFF",
		"cell_size_check = ON",
		"cache_size = -16384", // KiB
	}
	if s.config.ReadOnly {
		pragmas = append(pragmas, "query_only = ON")
	} else {
		pragmas = append(pragmas, "synchronous = FULL", "journal_size_limit = 67108864")
	}
	for _, p := range pragmas {
		if _, err := s.conn.ExecContext(ctx, "PRAGMA "+p); err != nil {
			return fmt.Errorf("set %s: %w", p, err)
		}
	}
	return nil
}

// useLog turns on the write-ahead log.
func (s *sqliteStore) useLog(ctx context.Context) error {
	var mode string
	if err := s.conn.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode); err != nil {
		return fmt.Errorf("set journal_mode: %w", err)
	}
	if mode != "wal" {
		return fmt.Errorf("set journal_mode of %s: want wal, found %s: put the file on a local disk", s.config.Path, mode)
	}
	return nil
}

// takeStock reads the tally.
func (s *sqliteStore) takeStock(ctx context.Context) error {
	t := &s.tally
	err := s.conn.QueryRowContext(ctx, `SELECT
		(SELECT coalesce(sum(count), 0) FROM keys),
		(SELECT coalesce(sum(count), 0) FROM accepted),
		(SELECT coalesce(sum(count), 0) FROM traces),
		(SELECT count(*) FROM quarantine),
		(SELECT coalesce(max(day), 0) FROM services),
		(SELECT coalesce(max(watermark), '') FROM progress)`).
		Scan(&t.keys, &t.accepted, &t.traces, &t.quarantined, &t.day, &t.watermark)
	if err != nil {
		return fmt.Errorf("take stock: %w", err)
	}
	if err := t.keysTail.read(ctx, s.conn, "keys"); err != nil {
		return err
	}
	return t.acceptedTail.read(ctx, s.conn, "accepted")
}

// Close waits for the call under way, closes the file and releases the lock.
func (s *sqliteStore) Close() error {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if s.closed {
		return nil
	}
	s.closed = true
	var errs []error
	errs = append(errs, s.stmt.close())
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.db != nil {
		errs = append(errs, s.db.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close store: %w", explain(s.config.Path, err))
	}
	return nil
}

var (
	_ Store          = (*sqliteStore)(nil)
	_ analyzer.Store = (*sqliteStore)(nil)
)
