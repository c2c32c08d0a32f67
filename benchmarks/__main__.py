"""Run all measurements and print them in one table.

    python -m benchmarks [--quick] [--json] [decoding calls listing ...]

Takes some minutes; with ``--quick`` less than one, with fewer rounds and pages.
"""

import argparse
import json
import platform
import sys
import time

from attrs import asdict

from benchmarks.measuring import Row, measured_apart

_PARTS = ("decoding", "memory", "importing", "calls", "loop", "listing", "downloading", "web")


def main() -> int:
    """Parse the arguments, measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="part", help=f"one of {', '.join(_PARTS)}; all by default"
    )
    parser.add_argument("--quick", action="store_true", help="finish within a minute")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    unknown = ", ".join(part for part in options.parts if part not in _PARTS)
    if unknown:
        parser.error(f"unknown part {unknown}; the parts are {', '.join(_PARTS)}")
    rows: list[Row] = []
    for part in options.parts or _PARTS:
        started = time.perf_counter()
        rows += measured_apart(part, quick=options.quick)
        print(f"{part}: {time.perf_counter() - started:.0f} s", file=sys.stderr)  # noqa: T201
    print(_as_json(rows) if options.json else _as_table(rows))  # noqa: T201
    return 0


def _as_json(rows: list[Row]) -> str:
    entries = [
        {**asdict(row), "target": row.target and str(row.target), "met": row.is_met} for row in rows
    ]
    return json.dumps({"python": platform.python_version(), "rows": entries}, indent=1)


def _as_table(rows: list[Row]) -> str:
    """Return the table as Markdown."""
    lines = [
        "| measurement | ours | compared with | theirs | ratio | 10 to 90 % | target |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        target = "" if row.target is None else f"{row.target}{'' if row.is_met else ', missed'}"
        ours, theirs = _number(row.ours), _number(row.theirs)
        low, high = row.spread
        spread = "" if low == high else f"{low:.2f} to {high:.2f}"
        lines.append(
            f"| {row.section} | {ours} {row.unit} | {row.peer} | {theirs} {row.unit}"
            f" | {row.ratio:.2f} | {spread} | {target} |"
        )
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


if __name__ == "__main__":
    sys.exit(main())
