"""HTTP: the webhook route, the admin API, health checks and metrics."""
