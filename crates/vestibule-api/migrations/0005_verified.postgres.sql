-- Whether mail to `email` was shown to reach its owner. Of addresses of before nobody knows.
ALTER TABLE users ADD COLUMN email_verified BOOLEAN NOT NULL DEFAULT FALSE;
