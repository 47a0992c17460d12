"""A simulated WooCommerce shop and a simulated Panelr on real sockets.

The demo, the tests and the benchmark use them, and people by hand. Both keep their state in memory. They import nothing
of the bridge, so a mistake in the bridge cannot repeat itself here and stay hidden.
"""
