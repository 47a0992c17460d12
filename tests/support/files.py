"""Where the repository and the tests' data lie."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
CAPTURES = ROOT / "tests" / "captures"
DATA = ROOT / "tests" / "data"
