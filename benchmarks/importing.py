"""Measure the import, each time in a fresh interpreter."""

import os
import subprocess
import sys
import tempfile

from benchmarks.measuring import Row, Samples, at_most, compare

_MODULES = {"ours": "rhombus_clips", "aiohttp": "aiohttp"}


async def measure(*, quick: bool) -> list[Row]:
    """Return a row that compares the library with aiohttp, which it imports."""
    samples: Samples = {name: [] for name in _MODULES}
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_with_bytecode(folder)
        for number in range(-1, 5 if quick else 25):
            for name, module in _MODULES.items():
                seconds = _seconds_to_import(module, environment)
                if number >= 0:
                    samples[name].append(seconds)
    return compare("import", samples, {"aiohttp": at_most(1.15)}, scale=1e3, unit="ms")


def environment_with_bytecode(folder: str) -> dict[str, str]:
    """Return the environment of an interpreter that caches compiled modules in *folder*.

    Later interpreters find them compiled, as after an installation.
    """
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return {**kept, "PYTHONPYCACHEPREFIX": folder}


def _seconds_to_import(module: str, environment: dict[str, str]) -> float:
    program = f"from time import perf_counter as t; a = t(); import {module}; print(t() - a)"
    run = subprocess.run(  # noqa: S603  # no outside input
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return float(run.stdout)
