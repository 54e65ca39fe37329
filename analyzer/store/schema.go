package store

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"strconv"
	"time"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// applicationID marks a SQLite file as ours ("w401"), so that a mistyped path
// does not put tables into the database of another program.
const applicationID = 0x77343031

// migrations returns the SQL of every schema version, first version first.
// A version is never edited once released; a change is one more file.
func migrations() ([]string, error) {
	names, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return nil, fmt.Errorf("list schema: %w", err)
	}
	steps := make([]string, 0, len(names))
	for _, name := range names {
		text, err := schemaFiles.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read schema: %w", err)
		}
		steps = append(steps, string(text))
	}
	return steps, nil
}

// migrate brings the database of conn from version to the one that steps end
// with, in one transaction.
func migrate(ctx context.Context, conn *sql.Conn, c Config, version int, steps []string) error {
	switch {
	case version > len(steps):
		return fmt.Errorf("%w: %s has schema version %d, this program knows up to %d: install the newer version again, or give another path", ErrNewer, c.Path, version, len(steps))
	case version == len(steps):
		return nil
	case c.ReadOnly:
		return fmt.Errorf("%s has schema version %d, want %d: let the program that writes it open it once with this version", c.Path, version, len(steps))
	}
	return transact(ctx, conn, beginWrite, func(ctx context.Context) error {
		for i, step := range steps[version:] {
			if _, err := conn.ExecContext(ctx, step); err != nil {
				return fmt.Errorf("migrate schema to version %d: %w", version+i+1, err)
			}
		}
		if version == 0 {
			if _, err := conn.ExecContext(ctx, "PRAGMA application_id = "+strconv.Itoa(applicationID)); err != nil {
				return fmt.Errorf("mark file: %w", err)
			}
			if err := setMeta(ctx, conn, "created", time.Now().UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
		return setMeta(ctx, conn, "schema", strconv.Itoa(len(steps)))
	})
}

// schemaVersion returns 0 for an empty database.
func schemaVersion(ctx context.Context, conn *sql.Conn, path string) (int, error) {
	var id, tables int
	if err := conn.QueryRowContext(ctx, "PRAGMA application_id").Scan(&id); err != nil {
		return 0, fmt.Errorf("read application id: %w", err)
	}
	if err := conn.QueryRowContext(ctx, "SELECT count(*) FROM sqlite_master").Scan(&tables); err != nil {
		return 0, fmt.Errorf("read schema: %w", err)
	}
	switch {
	case id == 0 && tables == 0:
		return 0, nil
	case id != applicationID:
		return 0, fmt.Errorf("%w: %s is the database of another program (application id %#x, %d tables): give another path", ErrForeign, path, id, tables)
	}
	var text string
	if err := conn.QueryRowContext(ctx, "SELECT value FROM meta WHERE name = 'schema'").Scan(&text); err != nil {
		return 0, corrupt(path, fmt.Errorf("read schema version: %w", err))
	}
	version, err := strconv.Atoi(text)
	if err != nil || version < 1 {
		return 0, corrupt(path, fmt.Errorf("want a schema version, found %q", text))
	}
	return version, nil
}

func setMeta(ctx context.Context, conn *sql.Conn, name, value string) error {
	_, err := conn.ExecContext(ctx, "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value", name, value)
	if err != nil {
		return fmt.Errorf("write meta %s: %w", name, err)
	}
	return nil
}
