"""Random schedules of faults against real servers and a real database under load: see README.md."""
