-- Events per UTC day and type. Exact and never stale, but it reads every event: a condition on `day` cannot skip chunks.
-- For an old store ask CountEvents with a time range.
CREATE VIEW events_daily AS
SELECT date_trunc('day', timestamp, 'UTC') AS day,
       event_type,
       aggregate_type,
       count(*)                            AS events,
       count(DISTINCT aggregate_id)        AS aggregates,
       count(DISTINCT user_id)             AS users
FROM events_v2
GROUP BY 1, 2, 3;
