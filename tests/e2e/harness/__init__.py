"""What the end-to-end suites share: the real server, a client of gRPC's Python library, a way into the database."""
