"""What importing costs, each time in a fresh interpreter."""

import subprocess
import sys

from benchmarks.measuring import Row, Samples, at_most, compare

_MODULES = {"ours": "rhombus_clips", "aiohttp": "aiohttp"}


async def measure(*, quick: bool) -> list[Row]:
    """A row for aiohttp, most of whose import is ours too."""
    samples: Samples = {name: [] for name in _MODULES}
    for number in range(-1, 7 if quick else 25):
        for name, module in _MODULES.items():
            seconds = _seconds_to_import(module)
            if number >= 0:
                samples[name].append(seconds)
    return compare("import", samples, {"aiohttp": at_most(1.15)}, scale=1e3, unit="ms")


def _seconds_to_import(module: str) -> float:
    program = f"from time import perf_counter as t; a = t(); import {module}; print(t() - a)"
    run = subprocess.run(  # noqa: S603  # our own words
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return float(run.stdout)
