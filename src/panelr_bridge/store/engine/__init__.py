"""How the two databases are driven. Private to the store."""
