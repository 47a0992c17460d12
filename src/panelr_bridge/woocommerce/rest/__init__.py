"""The store's REST API: a client for orders and webhooks, in two dialects."""
