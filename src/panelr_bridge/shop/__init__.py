"""The store's REST API: one client for WooCommerce's own wc/v3 and for the Orders resource."""
