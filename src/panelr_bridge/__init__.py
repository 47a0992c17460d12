"""The bridge from WooCommerce to Panelr."""

__version__ = "0.1.0"
