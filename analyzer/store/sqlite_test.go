package store

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/why401/why401/analyzer"
)

// query runs SQL on a file as another program would.
func query(t *testing.T, path, text string, to ...any) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if len(to) == 0 {
		_, err = db.ExecContext(t.Context(), text)
	} else {
		err = db.QueryRowContext(t.Context(), text).Scan(to...)
	}
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// TestAllOrNothing makes each table in turn refuse rows: the batch must leave
// no trace, in the file or in what the store remembers, and go in afterwards.
func TestAllOrNothing(t *testing.T) {
	for _, table := range []string{
		"services", "series", "counts", "populations", "keys", "accepted", "traces",
		"exemplars", "changes", "templates", "quarantine", "totals", "progress",
	} {
		t.Run(table, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "why401.db")
			s := openTest(t, Config{Path: path})
			memory := openTest(t, Config{Kind: "memory"})
			small := &analyzer.Batch{Keys: keysOf(0, 3), Accepted: []uint64{1}, Watermark: noon, Totals: analyzer.Totals{Entries: 1}}
			commit(t, s, small)
			commit(t, memory, small)

			b := bulkBatch(noon, 10, 5)
			b.Poison = []analyzer.Poison{poison(1, noon)}
			query(t, path, "CREATE TRIGGER no_insert BEFORE INSERT ON "+table+" BEGIN SELECT RAISE(ABORT, 'injected'); END;"+
				"CREATE TRIGGER no_update BEFORE UPDATE ON "+table+" BEGIN SELECT RAISE(ABORT, 'injected'); END")
			for range 2 {
				if err := s.Commit(t.Context(), b); err == nil || !strings.Contains(err.Error(), "injected") {
					t.Fatalf("Commit = %v; want the injected failure", err)
				}
			}
			sameLoaded(t, load(t, s), load(t, memory))
			query(t, path, "DROP TRIGGER no_insert; DROP TRIGGER no_update")
			commit(t, s, b)
			commit(t, memory, b)
			sameLoaded(t, load(t, s), load(t, memory))
		})
	}
}

func TestDiskFull(t *testing.T) {
	s := openTest(t, Config{})
	commit(t, s, bulkBatch(noon, 0, 10))
	limit := func(pages int) {
		t.Helper()
		if _, err := s.(*sqliteStore).conn.ExecContext(t.Context(), "PRAGMA max_page_count = "+strconv.Itoa(pages)); err != nil {
			t.Fatal(err)
		}
	}
	limit(1) // SQLite takes the present size instead
	before := load(t, s)
	big := bulkBatch(noon, 100, 2000)
	for range 3 {
		if err := s.Commit(t.Context(), big); !errors.Is(err, ErrFull) {
			t.Fatalf("Commit = %v; want ErrFull", err)
		}
		sameLoaded(t, load(t, s), before)
	}
	limit(1 << 20)
	commit(t, s, big)
	if got := load(t, s); len(got.Keys) != 2010 || got.Totals.Entries != 2010 {
		t.Errorf("%d keys, %d entries after space was freed; want 2010", len(got.Keys), got.Totals.Entries)
	}
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	path, link := filepath.Join(dir, "why401.db"), filepath.Join(dir, "link.db")
	s := openTest(t, Config{Path: path})
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, link} {
		_, err := Open(t.Context(), Config{Path: name})
		if !errors.Is(err, ErrLocked) || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), strconv.Itoa(os.Getpid())) {
			t.Errorf("Open(%s) = %v; want ErrLocked with path and process id", name, err)
		}
	}
	commit(t, s, bulkBatch(noon, 0, 3)) // the attempts left the lock of SQLite alone
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	openTest(t, Config{Path: link})
	for _, name := range []string{path, path + ".lock"} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v; want it for its owner alone", name, info.Mode())
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "why401.db")
	_, err := Open(t.Context(), Config{Path: path, ReadOnly: true})
	if !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open without a file = %v; want os.ErrNotExist", err)
	}
	writer := openTest(t, Config{Path: path})
	commit(t, writer, bulkBatch(noon, 0, 20))
	reader := openTest(t, Config{Path: path, ReadOnly: true})
	commit(t, writer, bulkBatch(noon, 100, 20))
	sameLoaded(t, load(t, reader), load(t, writer))
	if err := reader.Commit(t.Context(), bulkBatch(noon, 200, 1)); !errors.Is(err, ErrReadOnly) {
		t.Errorf("Commit = %v; want ErrReadOnly", err)
	}
	commit(t, writer, bulkBatch(noon, 300, 20))
	sameLoaded(t, load(t, reader), load(t, writer))
}

func TestMigrateVersion1(t *testing.T) {
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "why401.db")
	old, err := openFile(t.Context(), Config{Path: path}.withDefaults(), steps[:1])
	if err != nil {
		t.Fatal(err)
	}
	b := randomBatch(rand.New(rand.NewPCG(3, 3)), 1)
	commit(t, old, b)
	fresh := openTest(t, Config{Path: filepath.Join(t.TempDir(), "fresh.db")})
	commit(t, fresh, b)
	want := load(t, fresh)
	if err := old.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Config{Path: path, ReadOnly: true}); err == nil {
		t.Error("an old file opened read-only, which cannot migrate it")
	}
	s := openTest(t, Config{Path: path})
	sameLoaded(t, load(t, s), want)
	commit(t, s, b)
	var version string
	var rows int
	query(t, path, "SELECT value, (SELECT count(*) FROM counts_by_minute) FROM meta WHERE name = 'schema'", &version, &rows)
	if version != strconv.Itoa(len(steps)) || rows == 0 {
		t.Errorf("schema version %s with %d counts; want %d with some", version, rows, len(steps))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = openFile(t.Context(), Config{Path: path}.withDefaults(), steps[:1])
	if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "schema version "+strconv.Itoa(len(steps))) {
		t.Errorf("open by an older program = %v; want ErrNewer with the version", err)
	}
}

// TestFailedMigration leaves the version that was there.
func TestFailedMigration(t *testing.T) {
	steps, err := migrations()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "why401.db")
	bad := append(append([]string(nil), steps...), "CREATE TABLE extra (a); CREATE TABLE counts (a)")
	if _, err := openFile(t.Context(), Config{Path: path}.withDefaults(), bad); err == nil {
		t.Fatal("the bad migration passed")
	}
	s := openTest(t, Config{Path: path})
	commit(t, s, bulkBatch(noon, 0, 1))
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		write(t, path, []byte(text))
		return path
	}
	foreign := filepath.Join(dir, "foreign.db")
	query(t, foreign, "CREATE TABLE users (id); INSERT INTO users VALUES (1)")
	for _, c := range []struct {
		name, path, want string
		is               error
	}{
		{"another program's database", foreign, "give another path", ErrForeign},
		{"no database", file("notes.txt", strings.Repeat("dear diary, ", 500)), "move", ErrCorrupt},
		{"missing directory", filepath.Join(dir, "no", "why401.db"), "want a directory that exists", os.ErrNotExist},
		{"file for a directory", filepath.Join(file("plain", "x"), "why401.db"), "want a directory that exists", nil},
		{"directory for a file", dir, "want a regular file", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := contents(c.path)
			_, err := Open(t.Context(), Config{Path: c.path})
			if err == nil || c.is != nil && !errors.Is(err, c.is) {
				t.Fatalf("Open = %v; want %v", err, c.is)
			}
			if !strings.Contains(err.Error(), c.path) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Open = %v; want the path and %q", err, c.want)
			}
			if contents(c.path) != before {
				t.Error("the file was changed")
			}
		})
	}
}

func contents(path string) string {
	data, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestReadOnlyDirectory(t *testing.T) {
	if os.Geteuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	_, err := Open(context.Background(), Config{Path: filepath.Join(dir, "why401.db")})
	if !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), "owner and mode") {
		t.Errorf("Open = %v; want os.ErrPermission and what to try", err)
	}
}

// TestOddPaths: characters that mean something in a database URL.
func TestOddPaths(t *testing.T) {
	for _, name := range []string{"a b.db", "a?mode=ro.db", "a#b.db", "100%.db", "%41.db", "ä.db", ":memory:"} {
		path := filepath.Join(t.TempDir(), name)
		s := openTest(t, Config{Path: path})
		commit(t, s, bulkBatch(noon, 0, 3))
		if info, err := os.Stat(path); err != nil || info.Size() == 0 {
			t.Errorf("%q: no file there: %v", name, err)
		}
	}
}

// TestViews runs the query of the package comment.
func TestViews(t *testing.T) {
	path := filepath.Join(t.TempDir(), "why401.db")
	s := openTest(t, Config{Path: path})
	cell := analyzer.Cell{Minute: minuteOf(noon), Service: services[0], Kind: analyzer.KindJoined, Reason: "bad_signature"}
	commit(t, s, &analyzer.Batch{Counts: []analyzer.Count{{Cell: cell, N: 7}}, Watermark: noon})
	var reason string
	var n int
	query(t, path, `SELECT reason, sum(n) FROM counts_by_minute
		WHERE service = 'orders' AND at >= '2026-11-23 10:00:00' GROUP BY reason`, &reason, &n)
	if reason != "bad_signature" || n != 7 {
		t.Errorf("got %s, %d; want bad_signature, 7", reason, n)
	}
}
