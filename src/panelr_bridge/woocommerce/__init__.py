"""WooCommerce's side of the wire: webhook signatures, order payloads, webhook set-up, the REST API."""
