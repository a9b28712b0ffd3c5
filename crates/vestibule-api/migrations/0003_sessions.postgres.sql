-- Whether the browser is to keep the session when it is closed. Sessions of before were all kept.
ALTER TABLE sessions ADD COLUMN persistent BOOLEAN NOT NULL DEFAULT TRUE;
