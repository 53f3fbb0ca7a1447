-- Answers that a person approved or corrected: what an adapter can be trained from.

CREATE TABLE approvals (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    turn_id     INTEGER REFERENCES turns (id) ON DELETE SET NULL, -- null for an import: an example outlives its turn
    version     INTEGER NOT NULL DEFAULT 0, -- of the turn: asked again, it has an answer that nobody approved yet
    example     TEXT NOT NULL,              -- JSON of protocol.training.Example
    origin      TEXT NOT NULL,              -- answer | edited | imported
    accepted    INTEGER NOT NULL DEFAULT 0, -- it counts in spite of its problems
    approved_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    deleted_at  TEXT                        -- can be put back for a day
);
CREATE UNIQUE INDEX approvals_of_turn ON approvals (turn_id, version);
