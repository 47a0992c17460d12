"""The database's history: one file a step, up and down, on PostgreSQL and SQLite."""
