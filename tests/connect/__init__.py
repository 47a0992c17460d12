"""Connecting a shop, watching it, and the test order."""
