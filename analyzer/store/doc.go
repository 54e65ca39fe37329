// Package store keeps what the analyzer has learned, one transaction per
// batch, so that a message is acked only once its effect is on disk.
//
// [Stores] lists the kinds; [Open] picks one. "sqlite" is one file and needs
// nothing installed; "memory" forgets everything when the process ends. Both
// pass the same conformance suite.
//
// # Promises
//
// A Commit that returns nil survives a crash of the process and of the
// machine (write-ahead log, synchronous=FULL). A Commit that returns an error
// left nothing behind and may be repeated: disk full ([ErrFull]) is such an
// error. Load gives back the sum of all commits that retention has not
// removed. A damaged file gives [ErrCorrupt] and advice, never a panic. SQLite
// keeps checksums of its write-ahead log but not of its pages: a bit that
// flips inside a stored number on disk is not noticed.
//
// # One writer
//
// The process that opens FILE holds a lock on FILE.lock until it closes; a
// second one gets [ErrLocked] with the process id of the first. With
// Config.ReadOnly a file is opened beside its writer. A person may do the
// same: sqlite3 -readonly FILE.
//
// # Tables of the SQLite file
//
// The schema is schema/*.sql, one file per version, with a comment on every
// column. Minutes, hours and days count since the Unix epoch; times are UTC
// text with nine decimals, which sorts like time.
//
//	meta         name, value: schema version and when the file was made
//	services     id, name, environment, day last used
//	series       id, service, kind, reason, day last used
//	counts       minute, series → n
//	populations  hour, service, reason, dimension, value → n
//	keys         blobs of 16-byte dedup keys, one row per batch
//	accepted     blobs of 8-byte marks (little endian), one row per batch
//	traces       compressed states of joins, one row per batch; the newest counts
//	exemplars    key → the entry kept as evidence
//	changes      key → what altered the world
//	templates    service, text → n, first, last
//	quarantine   key → an entry that could not be decoded
//	totals       name → n: entries, duplicates, …, quarantine_dropped
//	progress     the watermark
//
// The views counts_by_minute and populations_by_hour put names and times in
// place of ids:
//
//	SELECT reason, sum(n) FROM counts_by_minute
//	WHERE service = 'orders' AND at >= '2026-11-23 10:00:00' GROUP BY reason;
package store
