-- Schema version 3 adds what must survive a restart but follows from no
-- entry, such as who was told of which alert.

CREATE TABLE notes (
    topic TEXT NOT NULL, -- alert, told/NAME of a sink, …
    key   TEXT NOT NULL,
    data  BLOB NOT NULL,
    PRIMARY KEY (topic, key)
) STRICT, WITHOUT ROWID;
