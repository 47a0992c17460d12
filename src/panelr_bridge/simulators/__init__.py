"""A WooCommerce store and a Panelr on real sockets: for the demo, the tests, the benchmark and for people.

Both keep their state in memory and depend on nothing of the bridge, so that a mistake of the bridge
cannot hide in its own mirror image.
"""
