-- What nodes have to hear of: a session that has ended (`subject` is its sid), an account that has changed
-- (its number), or everybody's sessions. Kept until no access token that it concerns can be alive.
CREATE TABLE news (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    kind    TEXT   NOT NULL,
    subject TEXT   NOT NULL,
    at      BIGINT NOT NULL,
    until   BIGINT NOT NULL
);

CREATE INDEX news_over ON news (until);

CREATE INDEX sessions_over ON sessions (expires_at);
