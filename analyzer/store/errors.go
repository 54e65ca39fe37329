package store

import (
	"errors"
	"fmt"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What can be wrong with a store, beyond the single call. Test with
// errors.Is; the full text says where and what to try.
var (
	ErrCorrupt = errors.New("file is damaged")
	ErrFull    = errors.New("no space left")
	ErrLocked  = errors.New("in use by another process")
	ErrForeign = errors.New("not a why401 store")
	ErrNewer   = errors.New("written by a newer why401")
	ErrClosed  = errors.New("store is closed")

	ErrReadOnly = errors.New("file cannot be written to")
)

// explain adds to an error of SQLite what it means for path and what to try.
func explain(path string, err error) error {
	var e *sqlite.Error
	if errors.Is(err, ErrCorrupt) || !errors.As(err, &e) {
		return err
	}
	if damage(e) {
		return corrupt(path, err)
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w on the disk of %s: %w: nothing was kept; free space and it goes on by itself", ErrFull, path, err)
	case sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return fmt.Errorf("%w: %s: %w: check owner, mode and mount options of the file and its directory, or give another path", ErrReadOnly, path, err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: another program holds a transaction open on %s: close it, or open the file read-only there", err, path)
	case sqlite3.SQLITE_IOERR:
		return fmt.Errorf("%w: the disk of %s fails: look at the kernel log", err, path)
	}
	return err
}

// damage tells errors that a sound file does not give: among them a read
// behind its end, and a header of no known format, which has no code.
func damage(e *sqlite.Error) bool {
	switch e.Code() {
	case sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_CORRUPTFS:
		return true
	case sqlite3.SQLITE_ERROR:
		return strings.Contains(e.Error(), "unsupported file format")
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT:
		return true
	}
	return false
}

func corrupt(path string, err error) error {
	return fmt.Errorf("%w: %s: %w: move %s and %s-wal aside and start again: counts restart from zero (sqlite3 FILE .recover may save the old ones)",
		ErrCorrupt, path, err, path, path)
}
