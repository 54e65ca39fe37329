package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Small batches share a row of up to tailBytes, one page, so that a quiet
// month does not become millions of rows; big ones are cut into rows of
// blobBytes at most. Both are multiples of every item's size.
const (
	tailBytes = 4 << 10
	blobBytes = 1 << 20
)

// tail is the newest row of a blob table while it has room. Its blob is never
// changed in place: a transaction that is rolled back leaves the old one.
type tail struct {
	id   int64
	blob []byte
}

// blobStatements write one blob table.
type blobStatements struct{ insert, extend *sql.Stmt }

func (b blobStatements) append(ctx context.Context, last *tail, minute int64, size int, blob []byte) error {
	if n := len(last.blob) + len(blob); len(last.blob) > 0 && len(blob) > 0 && n <= tailBytes {
		longer := append(make([]byte, 0, n), last.blob...)
		longer = append(longer, blob...)
		result, err := b.extend.ExecContext(ctx, minute, n/size, longer, last.id)
		if err != nil {
			return err
		}
		found, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if found == 1 {
			last.blob = longer
			return nil
		} // else the sweep has removed it
	}
	for len(blob) > 0 {
		n := min(len(blob), blobBytes)
		result, err := b.insert.ExecContext(ctx, minute, n/size, blob[:n])
		if err != nil {
			return err
		}
		if last.id, err = result.LastInsertId(); err != nil {
			return err
		}
		last.blob, blob = blob[:n], blob[n:]
	}
	if len(last.blob) > tailBytes {
		last.blob = nil
	}
	return nil
}

// read finds the tail of table after a start.
func (t *tail) read(ctx context.Context, conn *sql.Conn, table string) error {
	query := fmt.Sprintf("SELECT id, blob FROM %s ORDER BY id DESC LIMIT 1", table)
	err := conn.QueryRowContext(ctx, query).Scan(&t.id, &t.blob)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("read newest row of %s: %w", table, err)
	}
	if len(t.blob) > tailBytes {
		t.blob = nil
	}
	return nil
}
