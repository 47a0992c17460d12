"""The model test of tests/flow with many more examples."""

import asyncio
import os
import re
import sys
import time

from tests.support.files import ROOT
from tests.torture.result import Result
from tests.torture.run import Run

STEPS = 60


async def play(run: Run, *, examples: int) -> list[Result]:
    """Run `examples` on each database, with and without lists that show the shop's order."""
    run.say(f"model: {examples} examples of {STEPS} steps, four times")
    began = time.monotonic()
    pytest = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider", "tests/flow/test_model.py"),
        cwd=ROOT,
        env=os.environ | {"MODEL_EXAMPLES": str(examples), "MODEL_STEPS": str(STEPS)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await pytest.communicate())[0].decode()
    seconds = time.monotonic() - began
    result = Result("model", "both", runs=4 * examples, seconds=seconds, note=f"up to {STEPS} steps each")
    if pytest.returncode != 0:
        result.problems.append(f"the model failed: {' '.join(re.findall(r'^E .*', said, re.MULTILINE))[:400]}")
    return [result]
