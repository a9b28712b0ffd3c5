-- Accounts. A deleted account keeps its row for uniqueness and nothing else: name, address, hash and
-- picture are emptied, `email_key` is a digest for everybody.
CREATE TABLE users (
    id                INTEGER PRIMARY KEY AUTOINCREMENT,
    username          TEXT    NOT NULL UNIQUE,
    email             TEXT    NOT NULL,
    email_key         TEXT    NOT NULL UNIQUE,
    name              TEXT    NOT NULL,
    password_hash     TEXT    NOT NULL,
    profile_image_url TEXT    NOT NULL,
    tier_id           BIGINT,
    created_at        BIGINT  NOT NULL,
    updated_at        BIGINT,
    deleted_at        BIGINT
);

-- Names that were given up by a rename, kept back until no token that carries them is alive.
CREATE TABLE held_usernames (
    username   TEXT   PRIMARY KEY,
    user_id    BIGINT NOT NULL,
    held_until BIGINT NOT NULL
);

-- One row a login. `parent` is the last refresh token that was confirmed by use, `prev` the one before
-- it, `child` the successor first handed out for `parent`; all are token ids, never tokens.
CREATE TABLE sessions (
    sid          TEXT   PRIMARY KEY,
    user_id      BIGINT NOT NULL REFERENCES users (id),
    gen          BIGINT NOT NULL,
    parent       TEXT   NOT NULL,
    prev         TEXT   NOT NULL,
    confirmed_at BIGINT NOT NULL,
    child        TEXT   NOT NULL,
    child_at     BIGINT NOT NULL,
    created      BIGINT NOT NULL,
    last_used    BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    revoked_at   BIGINT,
    agent        TEXT   NOT NULL,
    address      TEXT   NOT NULL
);

CREATE INDEX sessions_of_user ON sessions (user_id);
