-- The truth about the library. Vectors live in Chroma under the ids of `passages` and can be rebuilt from here.

CREATE TABLE facts (            -- single values, such as which embedding model the vectors came from
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE documents (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    path         TEXT NOT NULL UNIQUE,
    content_hash TEXT,           -- sha256 of the file's bytes; null where it could not be read
    size         INTEGER NOT NULL DEFAULT 0,
    modified_ns  INTEGER NOT NULL DEFAULT 0,
    status       TEXT NOT NULL,  -- indexed | partial | failed | skipped
    reason       TEXT,           -- an error code; null for indexed
    details      TEXT NOT NULL DEFAULT '{}',
    page_count   INTEGER NOT NULL DEFAULT 0,
    seconds      REAL NOT NULL DEFAULT 0,
    added_at     TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    indexed_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))
);

CREATE TABLE pages (
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL, -- 1-based
    label       TEXT NOT NULL,
    text        TEXT NOT NULL,
    PRIMARY KEY (document_id, number)
) WITHOUT ROWID;

CREATE TABLE passages (
    id          INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so a stray vector cannot point at new text
    document_id INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    page        INTEGER NOT NULL,
    start       INTEGER NOT NULL, -- code points in the page's text
    length      INTEGER NOT NULL
);
CREATE INDEX passages_of_document ON passages (document_id);

CREATE VIRTUAL TABLE passage_words USING fts5 (
    document_name, text,
    tokenize = "porter unicode61 remove_diacritics 2"
);
CREATE VIRTUAL TABLE passage_vocabulary USING fts5vocab (passage_words, 'row');

CREATE TABLE collections (
    id   INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE
);

CREATE TABLE collected (
    collection_id INTEGER NOT NULL REFERENCES collections (id) ON DELETE CASCADE,
    document_id   INTEGER NOT NULL REFERENCES documents (id) ON DELETE CASCADE,
    PRIMARY KEY (collection_id, document_id)
) WITHOUT ROWID;
