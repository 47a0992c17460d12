"""HTTP in: the webhook door, the admin API, health."""
