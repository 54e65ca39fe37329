-- Schema version 1. Minutes, hours and days count since the Unix epoch in
-- event time; times are UTC text with nine decimals, which sorts like time.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY, -- schema: version of these tables; created: when
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Services and series are written out once; counts are then three integers.
CREATE TABLE services (
    id          INTEGER PRIMARY KEY,
    name        TEXT NOT NULL,
    environment TEXT NOT NULL,
    day         INTEGER NOT NULL, -- last day on which a batch named it
    UNIQUE (name, environment)
) STRICT;

CREATE TABLE series (
    id      INTEGER PRIMARY KEY,
    service INTEGER NOT NULL, -- services.id
    kind    TEXT NOT NULL,    -- accepted, refused request, finding, joined, …
    reason  TEXT NOT NULL,    -- bad_signature, …; '' when the kind has none
    day     INTEGER NOT NULL,
    UNIQUE (service, kind, reason)
) STRICT;

CREATE TABLE counts (
    minute INTEGER NOT NULL,
    series INTEGER NOT NULL, -- series.id
    n      INTEGER NOT NULL, -- sum of all changes; may pass through 0
    PRIMARY KEY (minute, series)
) STRICT, WITHOUT ROWID;

CREATE TABLE populations (
    hour      INTEGER NOT NULL,
    service   INTEGER NOT NULL, -- services.id
    reason    TEXT NOT NULL,
    dimension TEXT NOT NULL,    -- instance, revision, kid, iss, …
    value     TEXT NOT NULL,    -- a hash where dimension is client
    n         INTEGER NOT NULL,
    PRIMARY KEY (hour, service, reason, dimension, value)
) STRICT, WITHOUT ROWID;

-- One row per batch: appending a blob is thirty times cheaper than inserting
-- its keys one by one. Small neighbours are merged by the retention sweep.
CREATE TABLE keys (
    id     INTEGER PRIMARY KEY, -- oldest first
    minute INTEGER NOT NULL,    -- of the watermark when it was written
    count  INTEGER NOT NULL,    -- number of keys
    blob   BLOB NOT NULL        -- 16 bytes each
) STRICT;

CREATE TABLE accepted (
    id     INTEGER PRIMARY KEY,
    minute INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    blob   BLOB NOT NULL -- 8 bytes each, little endian
) STRICT;

-- States of joins: the newest one of a trace counts.
CREATE TABLE traces (
    id     INTEGER PRIMARY KEY,
    minute INTEGER NOT NULL,
    count  INTEGER NOT NULL,
    blob   BLOB NOT NULL -- hash, minute, length, data of each; S2
) STRICT;

CREATE TABLE exemplars (
    key       BLOB PRIMARY KEY,
    service   INTEGER NOT NULL, -- services.id
    reason    TEXT NOT NULL,
    at        TEXT NOT NULL,
    rule      TEXT NOT NULL,
    library   TEXT NOT NULL,
    excerpt   TEXT NOT NULL,
    insert_id TEXT NOT NULL,
    captures  TEXT NOT NULL -- JSON object, or ''
) STRICT, WITHOUT ROWID;
CREATE INDEX exemplars_by_time ON exemplars (at);

CREATE TABLE changes (
    id       INTEGER PRIMARY KEY,
    key      BLOB UNIQUE, -- NULL when the entry has no identity
    kind     TEXT NOT NULL,
    target   TEXT NOT NULL,
    version  TEXT NOT NULL,
    service  INTEGER NOT NULL, -- services.id
    project  TEXT NOT NULL,
    at       TEXT NOT NULL,
    actor    TEXT NOT NULL, -- person or automation, hashed
    evidence TEXT NOT NULL,
    details  TEXT NOT NULL -- JSON object, or ''
) STRICT;
CREATE INDEX changes_by_time ON changes (at);

CREATE TABLE templates (
    service INTEGER NOT NULL, -- services.id
    text    TEXT NOT NULL,
    n       INTEGER NOT NULL,
    first   TEXT NOT NULL,
    last    TEXT NOT NULL, -- watermark when it was last counted
    PRIMARY KEY (service, text)
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    id     INTEGER PRIMARY KEY, -- oldest first
    key    BLOB NOT NULL UNIQUE,
    at     TEXT NOT NULL,
    place  TEXT NOT NULL, -- file and line, or the subscription
    reason TEXT NOT NULL,
    bytes  INTEGER NOT NULL, -- length before the cut
    data   BLOB NOT NULL     -- redacted and cut
) STRICT;

CREATE TABLE totals (
    name TEXT PRIMARY KEY,
    n    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE progress (
    id        INTEGER PRIMARY KEY CHECK (id = 1),
    watermark TEXT NOT NULL -- latest event time seen
) STRICT;
