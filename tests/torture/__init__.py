"""The torture: real processes that are killed, overloaded and disconnected, and a ledger of the expected result.

`python -m tests.torture` runs all scenarios; `make test` runs the small part in `test_slice.py`.
"""
