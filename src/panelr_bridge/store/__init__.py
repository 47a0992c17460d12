"""The database: tables, queries as functions of a connection, and the engine that drives both databases."""
