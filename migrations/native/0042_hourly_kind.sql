-- Nothing but tables counts by itself here.
SELECT make_rollups();
