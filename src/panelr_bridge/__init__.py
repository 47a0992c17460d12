"""The bridge from WooCommerce to Panelr."""
