"""Print the lowest versions that ``pyproject.toml`` allows, one ``name==version`` per line.

The list covers the package and the extras that its tests need::

    python tests/lowest_versions.py > lowest.txt
    python -m pip install --constraint lowest.txt '.[speedups,test]'
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

EXTRAS = ("speedups", "cli", "test")
"""The extras whose lower bounds are tested; the others are development tools."""

_REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,-]*\])?(?P<bounds>[^;]*)")
_LOWEST = re.compile(r">=\s*([\w.]+)")


def lowest_versions(project: dict[str, Any]) -> list[str]:
    """Return the lower bound of each requirement in *project*, a table of ``pyproject.toml``.

    Raises `ValueError` for a requirement without a lower bound or with two different ones.
    """
    lowest: dict[str, str] = {}
    for name, version in _bounds(project):
        if lowest.setdefault(name, version) != version:
            raise ValueError(f"{name} has two lower bounds: {lowest[name]} and {version}")
    return [f"{name}=={version}" for name, version in sorted(lowest.items())]


def _bounds(project: dict[str, Any]) -> Iterable[tuple[str, str]]:
    requirements = list(project["dependencies"])
    for extra in EXTRAS:
        requirements += project["optional-dependencies"][extra]
    for requirement in requirements:
        parts = _REQUIREMENT.match(requirement)
        if parts is None or parts["name"] == project["name"]:
            continue
        bound = _LOWEST.search(parts["bounds"])
        if bound is None:
            raise ValueError(f"{requirement} has no lower bound")
        yield parts["name"], bound[1]


if __name__ == "__main__":
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    sys.stdout.write(
        "\n".join(lowest_versions(tomllib.loads(pyproject.read_text("utf-8"))["project"])) + "\n"
    )
