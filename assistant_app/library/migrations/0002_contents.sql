-- What a file holds is kept apart from the file: the same content under two names is there once, a moved file keeps it.
-- A content that no document refers to, or that was not finished, is rubbish and is swept away.

CREATE TABLE contents (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    hash     TEXT,                       -- sha256 of the file's bytes
    kind     TEXT NOT NULL DEFAULT 'pdf',
    paged    INTEGER NOT NULL DEFAULT 1, -- 0: what is called a page here is a section
    read_by  INTEGER NOT NULL DEFAULT 0, -- the version of the reading (indexing.READING)
    complete INTEGER NOT NULL DEFAULT 0
);
INSERT INTO contents (id, hash, complete)
    SELECT id, content_hash, 1 FROM documents WHERE status IN ('indexed', 'partial');
CREATE INDEX contents_by_hash ON contents (hash);

ALTER TABLE documents ADD COLUMN content_id INTEGER REFERENCES contents (id);
ALTER TABLE documents ADD COLUMN empty_pages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN failed_pages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN recognised_pages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN read_by INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN removed_at TEXT; -- it can be put back for a while
ALTER TABLE documents ADD COLUMN device INTEGER;  -- st_dev of the file: on another disk it is another file
UPDATE documents SET content_id = id WHERE id IN (SELECT id FROM contents);
CREATE INDEX documents_of_content ON documents (content_id);

CREATE TABLE new_pages (
    content_id INTEGER NOT NULL REFERENCES contents (id),
    number     INTEGER NOT NULL,           -- 1-based
    label      TEXT NOT NULL,
    base       INTEGER NOT NULL DEFAULT 0, -- code points of the document before a section; 0 for a page
    text       TEXT NOT NULL,
    headings   TEXT NOT NULL DEFAULT '[]', -- [{start, length, level}]
    words      BLOB,                       -- recognised text: where each word stands (msgpack), else null
    key        BLOB,                       -- digest of what decided where the page was cut
    PRIMARY KEY (content_id, number)
) WITHOUT ROWID;
INSERT INTO new_pages (content_id, number, label, text)
    SELECT document_id, number, label, text FROM pages WHERE document_id IN (SELECT id FROM contents);

CREATE TABLE new_passages (
    id           INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, so a stray vector cannot point at new text
    content_id   INTEGER NOT NULL REFERENCES contents (id),
    page         INTEGER NOT NULL,
    start        INTEGER NOT NULL,          -- code points in the page's text
    length       INTEGER NOT NULL,
    heading      TEXT NOT NULL DEFAULT '',
    table_header TEXT NOT NULL DEFAULT '',
    key          BLOB                       -- digest of what was embedded: the same text is embedded once
);
INSERT INTO new_passages (id, content_id, page, start, length)
    SELECT id, document_id, page, start, length FROM passages WHERE document_id IN (SELECT id FROM contents);

DROP TABLE passages;
DROP TABLE pages;
ALTER TABLE new_pages RENAME TO pages;
ALTER TABLE new_passages RENAME TO passages;
CREATE INDEX passages_of_content ON passages (content_id);
CREATE INDEX passages_by_key ON passages (key);

DROP TABLE passage_vocabulary;
ALTER TABLE passage_words RENAME TO old_passage_words;
CREATE VIRTUAL TABLE passage_words USING fts5 (
    document_name, heading, text,
    tokenize = "porter unicode61 remove_diacritics 2"
);
INSERT INTO passage_words (rowid, document_name, heading, text)
    SELECT rowid, document_name, '', text FROM old_passage_words WHERE rowid IN (SELECT id FROM passages);
DROP TABLE old_passage_words;
CREATE TABLE pending (              -- what a job was given and has no outcome yet: the next start goes on
    path       TEXT PRIMARY KEY,
    named      INTEGER NOT NULL,
    collection TEXT,
    tries      INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE unwanted (             -- removed by a person from a watched folder: not to be found there again
    path TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE TABLE watched (
    path       TEXT PRIMARY KEY,
    collection TEXT,
    device     INTEGER              -- st_dev of the folder: another one is another disk
) WITHOUT ROWID;
