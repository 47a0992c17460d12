"""Everything that is stored: the tables, the engine, and every query as a function of a connection."""
