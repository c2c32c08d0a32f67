"""Profile the import, by package."""

import subprocess
import sys
import tempfile
from collections import defaultdict
from operator import itemgetter
from statistics import median

from benchmarks.importing import environment_with_bytecode

_OURS = "rhombus_clips"
_PACKAGES = {"attr": "attrs", "attrs": "attrs", "cattr": "cattrs", "cattrs": "cattrs"}


def import_by_package() -> dict[str, float]:
    """Return the time of the modules of each package, in ms, longest first."""
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_with_bytecode(folder)
        for number in range(-1, 9):
            run = subprocess.run(
                [sys.executable, "-X", "importtime", "-c", "import aiohttp, rhombus_clips"],
                capture_output=True, text=True, check=True, env=environment,
            )  # fmt: skip
            if number >= 0:
                rounds.append(_by_package(run.stderr))
    names = sorted({name for one in rounds for name in one})
    medians = {name: median(one.get(name, 0.0) for one in rounds) for name in names}
    return dict(sorted(medians.items(), key=itemgetter(1), reverse=True))


def _by_package(report: str) -> dict[str, float]:
    """Return milliseconds by package from the output of ``-X importtime``: children first."""
    times: dict[str, float] = defaultdict(float)
    waiting: list[tuple[int, str, float]] = []
    for line in report.splitlines()[1:]:
        self_us, _, module = line.removeprefix("import time:").split("|")
        depth = len(module) - len(module.lstrip())
        name = _package(module.strip())
        # Modules of the standard library count for the package that imports them.
        children = [entry for entry in waiting if entry[0] > depth]
        waiting = [entry for entry in waiting if entry[0] <= depth]
        for _, child, milliseconds in children:
            times[child or name or "interpreter"] += milliseconds
        waiting.append((depth, name, float(self_us) / 1000))
    for _, child, milliseconds in waiting:
        times[child or "interpreter"] += milliseconds
    return times


def _package(module: str) -> str:
    """Return the package of *module*; empty for the standard library."""
    top, *rest = module.split(".")
    if top == _OURS:
        return ".".join([_OURS, *rest[:1]])
    if top in sys.stdlib_module_names or top.startswith("_"):
        return ""
    return _PACKAGES.get(top, top if top in {"anyio", "orjson"} else "aiohttp and its dependencies")
