"""The one source of chance; `--seed` repeats its part of a run, though not what the machine adds to it."""

import random

DICE = random.Random()  # noqa: S311  chance, no secrets
