-- The key of each subject, wrapped by the master key, which is not in the database. An erased subject keeps its row without a
-- key, so that none is made for it again.
CREATE TABLE subject_keys (
    subject    text        PRIMARY KEY,
    -- As the encrypted values name it. NULL: the subject was erased and had no key.
    key_id     uuid        UNIQUE,
    -- Nonce, ciphertext and tag; NULL: destroyed.
    wrapped    bytea,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    erased_at  timestamptz,
    CHECK ((wrapped IS NULL) = (erased_at IS NOT NULL)),
    CHECK (wrapped IS NULL OR key_id IS NOT NULL)
);
