-- The table that this store replaces, while both are written (docs/migration.md). At most one, and in this database:
-- only so can a write to one and a write to the other be one transaction.
CREATE TABLE legacy_link (
    only_row       boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    legacy_schema  text    NOT NULL,
    legacy_table   text    NOT NULL,    -- its name now; the cut-over renames it
    original_table text    NOT NULL,    -- its name when it was linked; after the cut-over that of the view
    -- Its columns. NULL: it has none of this kind.
    id_column          text   NOT NULL,
    time_column        text   NOT NULL,
    type_column        text   NOT NULL,
    data_column        text   NOT NULL,
    user_column        text,
    correlation_column text,
    causation_column   text,
    aggregate_column   text,
    -- Where the aggregate's id is put into the data, as #> takes it. Empty: nowhere.
    aggregate_path     text[] NOT NULL,
    -- How a row becomes an event: the mapping file that the history is copied with, too (docs/migration.md), as it was
    -- when the table was linked. Empty: the common layout.
    mapping            text   NOT NULL DEFAULT '',
    -- In the metadata of its events; ids that are no UUIDs are made from it.
    mapped_table       text   NOT NULL,
    -- Of every event that comes from there. Empty: as the mapping says.
    aggregate_type     text   NOT NULL DEFAULT '',
    -- Who is told what by triggers.
    direction      text   NOT NULL CHECK (direction IN ('legacy_to_store', 'store_to_legacy', 'both')),
    -- As it was linked: what a rollback goes back to.
    linked_direction text NOT NULL,
    -- true: an append fails when its event cannot be written to the legacy table.
    is_strict      boolean NOT NULL DEFAULT false,    -- "strict" is a word of PL/pgSQL
    -- NULL: every type. Rows and events of others wait, they are not lost: legacy_outbox, legacy_failed.
    enabled_event_types  text[],
    disabled_event_types text[] NOT NULL DEFAULT '{}',
    -- What an INSERT into the view does after the cut-over.
    old_writers    text   NOT NULL DEFAULT 'forward' CHECK (old_writers IN ('forward', 'refuse')),
    -- linked: the legacy table is the one that counts. switched: the store is, the view has the table's name.
    -- closing: as switched, and nothing is mirrored any more. dropped: the legacy table is gone.
    stage          text   NOT NULL DEFAULT 'linked' CHECK (stage IN ('linked', 'switched', 'closing', 'dropped')),
    installed_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    installed_by   text        NOT NULL DEFAULT session_user,
    switched_at    timestamptz,
    mirrored_since timestamptz,    -- events before that are not in the legacy table and need not be
    -- The newest row of the legacy table that came into the store by dual write: when it was written.
    forwarded_at   timestamptz
);

-- Whether dual write is switched on for a type. One place, for both directions.
CREATE FUNCTION legacy_type_enabled(link legacy_link, event_type text) RETURNS boolean
LANGUAGE sql IMMUTABLE
AS $$
    SELECT coalesce(event_type = ANY (link.enabled_event_types), true)
           AND NOT coalesce(event_type = ANY (link.disabled_event_types), false)
$$;
