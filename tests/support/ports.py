"""Ports for servers that are processes of their own."""

import contextlib
import random
import socket

PORTS = (20_000, 32_000)
"""Below the ports that the system gives to outgoing connections: one of those could take a server's."""
_DICE = random.Random()  # noqa: S311  it guards nothing; the common one begins alike in every worker of the tests
_GIVEN: set[int] = set()


def free_port() -> int:
    """Return a port that nobody listens on, each only once.

    Servers start side by side: whoever calls one that has not begun to listen yet would come to another.
    """
    while True:
        port = _DICE.randrange(*PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            if port not in _GIVEN:
                _GIVEN.add(port)
                return port
