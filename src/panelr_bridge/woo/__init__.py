"""WooCommerce: its signature and its payload."""
