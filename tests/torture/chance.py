"""The only random generator; `--seed` repeats its choices, though not the machine's timing."""

import random

DICE = random.Random()  # noqa: S311  no secrets
