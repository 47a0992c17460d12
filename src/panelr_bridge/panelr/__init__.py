"""Panelr's API: requests, responses and the HTTP transport."""
