"""The folders of the repository and of the tests' data."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests" / "captures"
DATA = ROOT / "tests" / "data"
