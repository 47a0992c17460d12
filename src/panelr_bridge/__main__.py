"""`python -m panelr_bridge` is `panelr-bridge`."""

from panelr_bridge.cli import program

program()
