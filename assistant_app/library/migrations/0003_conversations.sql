-- What a document says of itself, and conversations.

ALTER TABLE contents ADD COLUMN title TEXT NOT NULL DEFAULT '';  -- from the file's own metadata, "" where it has none
ALTER TABLE contents ADD COLUMN author TEXT NOT NULL DEFAULT '';

CREATE TABLE conversations (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    title      TEXT NOT NULL,
    changed_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    deleted_at TEXT                      -- can be put back for a day
);

CREATE TABLE turns (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation_id INTEGER NOT NULL REFERENCES conversations (id) ON DELETE CASCADE
);
CREATE INDEX turns_of_conversation ON turns (conversation_id);

CREATE TABLE turn_versions (             -- asked again or edited, a turn gets another one; the highest is shown
    turn_id    INTEGER NOT NULL REFERENCES turns (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,         -- from 1
    kind       TEXT NOT NULL,            -- question | summary | comparison
    question   TEXT NOT NULL,
    searched   TEXT NOT NULL,            -- the question as it was searched for, "" where it is the question itself
    paths      TEXT,                     -- JSON list, null: not limited to documents
    collection TEXT,
    answer     TEXT NOT NULL,            -- JSON of protocol.records.Answer
    thinking   TEXT NOT NULL DEFAULT '',
    stopped    INTEGER NOT NULL DEFAULT 0,
    inspection BLOB,                     -- compressed JSON of protocol.records.Inspection
    asked_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    PRIMARY KEY (turn_id, version)
) WITHOUT ROWID;
