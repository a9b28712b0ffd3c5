-- Kinds of accounts, as the backend that they were imported from named them.
CREATE TABLE tiers (
    id   BIGINT PRIMARY KEY,
    name TEXT   NOT NULL
);

-- Tokens of that backend name an account by its username alone: which account each name was, for tokens made
-- from `issued_from` (nobody else can have had the name since) to `issued_to` (the import), until the last of
-- them is dead. A rename changes nothing here.
CREATE TABLE imported_names (
    username    TEXT   PRIMARY KEY,
    user_id     BIGINT NOT NULL UNIQUE REFERENCES users (id),
    issued_from BIGINT NOT NULL,
    issued_to   BIGINT NOT NULL,
    until       BIGINT NOT NULL
);

CREATE INDEX imported_names_over ON imported_names (until);
