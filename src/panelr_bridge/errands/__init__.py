"""What an order calls for after its work order was created, carried out: one module a kind, one table of them.

Each takes an errand and returns what came of it; recording it is `following.py`'s. None is in a transaction.
"""
