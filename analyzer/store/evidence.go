package store

import (
	"database/sql"
	"fmt"

	"github.com/why401/why401/analyzer"
)

func (r *reader) readExemplars() error {
	const query = `SELECT key, service, reason, at, rule, library, excerpt, insert_id, captures
		FROM exemplars ORDER BY at, key`
	return r.each(query, func(rows *sql.Rows) error {
		var key []byte
		var service int64
		var at, captures string
		var e analyzer.Exemplar
		err := rows.Scan(&key, &service, &e.Reason, &at, &e.Rule, &e.Library, &e.Excerpt, &e.InsertID, &captures)
		if err != nil {
			return err
		}
		if e.Key, err = decodeKey(key); err != nil {
			return err
		}
		if e.Service, err = r.service(service); err != nil {
			return err
		}
		if e.At, err = parseTime(at); err != nil {
			return err
		}
		if e.Captures, err = decodeMap(captures); err != nil {
			return err
		}
		r.out.Exemplars = append(r.out.Exemplars, e)
		return nil
	})
}

func (r *reader) readChanges() error {
	const query = `SELECT key, kind, target, version, service, project, at, actor, evidence, details
		FROM changes ORDER BY at, id`
	return r.each(query, func(rows *sql.Rows) error {
		var key []byte
		var service int64
		var at, details string
		var c analyzer.KeyedChange
		err := rows.Scan(&key, &c.Kind, &c.Target, &c.Version, &service, &c.Project, &at, &c.By, &c.Evidence, &details)
		if err != nil {
			return err
		}
		if key != nil {
			if c.Key, err = decodeKey(key); err != nil {
				return err
			}
		}
		if c.Service, err = r.service(service); err != nil {
			return err
		}
		if c.At, err = parseTime(at); err != nil {
			return err
		}
		if c.Details, err = decodeMap(details); err != nil {
			return err
		}
		r.out.Changes = append(r.out.Changes, c)
		return nil
	})
}

func (r *reader) readTemplates() error {
	return r.each("SELECT service, text, n, first FROM templates ORDER BY service, text", func(rows *sql.Rows) error {
		var service int64
		var first string
		var t analyzer.Template
		err := rows.Scan(&service, &t.Text, &t.N, &first)
		if err != nil {
			return err
		}
		if t.Service, err = r.service(service); err != nil {
			return err
		}
		if t.First, err = parseTime(first); err != nil {
			return err
		}
		if t.N != 0 {
			r.out.Templates = append(r.out.Templates, t)
		}
		return nil
	})
}

func (r *reader) readProgress() error {
	totals := fields(&r.out.Totals)
	err := r.each("SELECT name, n FROM totals", func(rows *sql.Rows) error {
		var name string
		var n int64
		if err := rows.Scan(&name, &n); err != nil {
			return err
		}
		if to := totals[name]; to != nil {
			*to = n
		}
		return nil
	})
	if err != nil {
		return err
	}
	return r.each("SELECT watermark FROM progress", func(rows *sql.Rows) error {
		var text string
		err := rows.Scan(&text)
		if err == nil {
			r.out.Watermark, err = parseTime(text)
		}
		return err
	})
}

func decodeKey(blob []byte) (analyzer.Key, error) {
	if len(blob) != keyBytes {
		return analyzer.Key{}, fmt.Errorf("want a key of %d bytes, found %d", keyBytes, len(blob))
	}
	return analyzer.Key(blob), nil
}
