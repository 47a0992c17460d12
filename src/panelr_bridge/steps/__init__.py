"""The transactions of an order's way, one module each: intake, claim, record, operator.

Every public function here that takes a connection is one transaction, or a part of one, and runs whole in
`store.database`. None of them calls anybody.
"""
