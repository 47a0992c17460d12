"""The torture: real processes that are killed, overloaded and disconnected, and a ledger of what must be true afterwards.

`python -m tests.torture` runs all scenarios; `make test` runs the small part in `test_slice.py`.
"""
