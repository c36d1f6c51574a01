-- What the servers of a store have to agree on to encrypt and erase fields (docs/erasure.md). Empty until a server is started
-- with a master key for the first time.
CREATE TABLE erasure_state (
    one_row     boolean PRIMARY KEY DEFAULT true CHECK (one_row),
    -- Tells nothing of the key. A server with another key, or with none, does not start: what it wrote could not be read, or
    -- would not be encrypted.
    fingerprint text    NOT NULL,
    -- How many erasures there are. Changed under the lock of this row by each of them, so their numbers have no gap and are
    -- committed in their order: whoever has seen a number has seen all below it.
    erasures    bigint  NOT NULL DEFAULT 0
);
