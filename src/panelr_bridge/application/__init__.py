"""Use cases and loops: receive an order, call Panelr, retry, follow up, backfill."""
