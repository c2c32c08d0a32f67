"""Print where the time goes, step by step.

    python -m benchmarks.profiles

Each figure is a median. Figures of one table are comparable; between runs they vary with the
machine.
"""

import asyncio
from collections.abc import Mapping

from benchmarks.profiles.calls import one_call, other_clients
from benchmarks.profiles.decoding import decoding
from benchmarks.profiles.downloads import download
from benchmarks.profiles.importing import import_by_package


def main() -> None:
    """Measure and print all profiles."""
    _print("Import, in ms, by package", import_by_package())
    _print("Decoding, in µs per clip", decoding())
    _print("One call with one clip, in µs", asyncio.run(one_call()))
    _print("The same call by other clients, in µs", asyncio.run(other_clients()))
    _print("A download, in ms/MiB", asyncio.run(download()))


def _print(title: str, parts: Mapping[str, float]) -> None:
    print(f"\n{title}\n")  # noqa: T201
    for name, value in parts.items():
        print(f"    {value:8.2f}  {name}")  # noqa: T201


if __name__ == "__main__":
    main()
