-- How often events beyond the place of their bucket have failed; gone when the place has passed them.
CREATE TABLE consumer_group_attempts (
    group_name text    NOT NULL REFERENCES consumer_groups ON DELETE CASCADE,
    bucket     integer NOT NULL,
    position   bigint  NOT NULL,
    failures   integer NOT NULL,
    PRIMARY KEY (group_name, bucket, position)
);
