-- PostgreSQL. SQLite takes it with `id INTEGER PRIMARY KEY`, a name for the index, and `unixepoch()` for the time.
CREATE TABLE accounts (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email varchar(320) NOT NULL UNIQUE
);
CREATE TABLE used_proofs (
    jti varchar(64) PRIMARY KEY,
    expires_at bigint NOT NULL -- the claim `exp`
);
CREATE INDEX ON used_proofs (expires_at);

-- A sign-up:
--   BEGIN;
--   INSERT INTO used_proofs (jti, expires_at) VALUES ($1, $2) ON CONFLICT (jti) DO NOTHING;  -- No row: ROLLBACK, answer 409.
--   INSERT INTO accounts (email) VALUES ($3) ON CONFLICT (email) DO NOTHING;                 -- The same.
--   COMMIT;

-- Once a day, with cron and psql. A day more than `exp`, for clocks that differ.
--   DELETE FROM used_proofs WHERE expires_at < extract(epoch FROM now()) - 86400;
