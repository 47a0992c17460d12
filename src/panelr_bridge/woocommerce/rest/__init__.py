"""A client for the shop's REST API: orders in two dialects, webhooks and products."""
