"""Ports for servers that are processes of their own."""

import contextlib
import random
import socket

PORTS = (20_000, 32_000)
"""Below the range for outgoing connections, which could take a server's port."""
_DICE = random.Random()  # noqa: S311  no secret; the shared generator starts with the same seed in every worker
_GIVEN: set[int] = set()


def free_port() -> int:
    """Return a port without a listener. Each port is returned only once.

    A port that is used twice could answer for a server that has not started to listen yet.
    """
    while True:
        port = _DICE.randrange(*PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
