-- With which status an execution began: its status changes, and execution_volume_hourly counts by this.
ALTER TABLE execution ADD COLUMN initial_status text NOT NULL DEFAULT 'requested';

-- Of the row itself, so that nobody who inserts has to know of it.
CREATE FUNCTION execution_initial_status() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    NEW.initial_status := NEW.status;
    RETURN NEW;
END
$$;
CREATE TRIGGER initial_status BEFORE INSERT ON execution FOR EACH ROW EXECUTE FUNCTION execution_initial_status();
