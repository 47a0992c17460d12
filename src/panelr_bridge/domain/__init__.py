"""The rules, without I/O: what an order calls for, and what follows from an outcome."""
