"""Run `panelr-bridge` as `python -m panelr_bridge`."""

from panelr_bridge.cli import program

program()
