"""The database transactions of the use cases. Each is one synchronous function of a connection."""
