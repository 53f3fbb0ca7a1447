-- Keyword search in every script: words are prepared by library/keywords.py (the SQL function `indexed`), and the
-- tokenizer takes what it gets apart at blanks only: marks (vowel signs of Indian scripts, tone marks) are parts of words.

ALTER TABLE contents ADD COLUMN name TEXT NOT NULL DEFAULT ''; -- the document's name as it is embedded
UPDATE contents SET name = coalesce(
    (SELECT w.document_name FROM passages p JOIN passage_words w ON w.rowid = p.id WHERE p.content_id = contents.id LIMIT 1), '');

ALTER TABLE passage_words RENAME TO old_passage_words;
CREATE VIRTUAL TABLE passage_words USING fts5 (
    document_name, heading, text,
    tokenize = "porter unicode61 remove_diacritics 0 categories 'L* M* N* Co'"
);
INSERT INTO passage_words (rowid, document_name, heading, text)
    SELECT rowid, indexed(document_name), indexed(heading), indexed(text) FROM old_passage_words;
DROP TABLE old_passage_words;
