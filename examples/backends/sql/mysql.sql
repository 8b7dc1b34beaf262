-- MySQL (InnoDB).
CREATE TABLE accounts (
    id bigint AUTO_INCREMENT PRIMARY KEY,
    email varchar(320) NOT NULL UNIQUE
);
CREATE TABLE used_proofs (
    -- The default collation takes A and a for the same.
    jti varchar(64) CHARACTER SET ascii COLLATE ascii_bin PRIMARY KEY,
    expires_at bigint NOT NULL, -- the claim `exp`
    INDEX (expires_at)
);

-- A sign-up:
--   START TRANSACTION;
--   INSERT INTO used_proofs (jti, expires_at) VALUES (?, ?);  -- Error 1062 (ER_DUP_ENTRY): ROLLBACK, answer 409.
--   INSERT INTO accounts (email) VALUES (?);                  -- The same.
--   COMMIT;

-- Once a day, with cron. A day more than `exp`, for clocks that differ.
--   DELETE FROM used_proofs WHERE expires_at < UNIX_TIMESTAMP() - 86400;
