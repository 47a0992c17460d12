"""Panelr: its requests, its answers, and the transport between."""
