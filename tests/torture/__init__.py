"""The long test: real processes that are killed, hurried and unplugged, and a ledger of what must be true afterwards.

`python -m tests.torture` runs it all; `test_slice.py` is the part that `make test` runs.
"""
