"""How many examples a property test tries. `make test-fast` sets EXAMPLES_SHARE to try a part of them."""

import os

from hypothesis import settings

SHARE = float(os.environ.get("EXAMPLES_SHARE", "1"))


def examples(count: int) -> settings:
    """Return the settings of a property test that tries `count` examples, or a share of them."""
    return settings(max_examples=max(int(count * SHARE), 10))
