"""The rules, without I/O: the decision about an order, its cart and money, retries and follow-ups."""
