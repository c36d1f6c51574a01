-- Nothing: TimescaleDB makes chunks with the rights of the hypertable's owner, and gives them the table's rights. The number
-- keeps those of both engines together.
SELECT 1;
