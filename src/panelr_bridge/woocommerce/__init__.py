"""WooCommerce: webhook signatures, order payloads, webhook set-up and the REST API."""
