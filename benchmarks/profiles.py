"""What holds the targets that are missed: where the time of an import, a call and a decoding goes.

    python -m benchmarks.profiles

Each figure is a median, in a process that does nothing else; figures of one table belong together,
and move with the machine from one run to the next.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from operator import itemgetter
from statistics import median
from typing import Any

import aiohttp
import attrs
import orjson

from benchmarks.calls import API_KEY, HEADERS, SAVED_CLIPS
from benchmarks.elsewhere import service_elsewhere
from benchmarks.importing import environment_with_bytecode
from benchmarks.pages import CLIPS_A_PAGE, make_page
from benchmarks.service import Setting, serve
from rhombus_clips import ClipSession, SavedClip, SavedClipPage, loads
from rhombus_clips.codec import Document, encode_request, structure
from rhombus_clips.codec.document import finished
from rhombus_clips.codec.strict import wire_fields

_ROUNDS = 200


def main() -> None:
    """Measure and print."""
    _print("Importing, in ms, by whose modules", _import_by_package())
    _print("Decoding, in µs a clip", _decoding())
    _print("One call with one clip, in µs", asyncio.run(_one_call()))


def _print(title: str, parts: dict[str, float]) -> None:
    print(f"\n{title}\n")  # noqa: T201
    for name, value in parts.items():
        print(f"    {value:8.2f}  {name}")  # noqa: T201


# --- importing ---------------------------------------------------------------------------------

_OURS = "rhombus_clips"
_PACKAGES = {"attr": "attrs", "attrs": "attrs", "cattr": "cattrs", "cattrs": "cattrs"}


def _import_by_package() -> dict[str, float]:
    """The time that the modules of each package take themselves, in the order of import."""
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        environment = environment_with_bytecode(folder)
        for number in range(-1, 9):
            run = subprocess.run(  # our own words
                [sys.executable, "-X", "importtime", "-c", "import aiohttp, rhombus_clips"],
                capture_output=True, text=True, check=True, env=environment,
            )  # fmt: skip
            if number >= 0:
                rounds.append(_by_package(run.stderr))
    names = sorted({name for one in rounds for name in one})
    medians = {name: median(one.get(name, 0.0) for one in rounds) for name in names}
    return dict(sorted(medians.items(), key=itemgetter(1), reverse=True))


def _by_package(report: str) -> dict[str, float]:
    """Milliseconds by package, from what ``-X importtime`` writes: children before parents."""
    times: dict[str, float] = defaultdict(float)
    waiting: list[tuple[int, str, float]] = []
    for line in report.splitlines()[1:]:
        self_us, _, module = line.removeprefix("import time:").split("|")
        depth = len(module) - len(module.lstrip())
        name = _package(module.strip())
        # What a module of theirs imports of the standard library is theirs.
        children = [entry for entry in waiting if entry[0] > depth]
        waiting = [entry for entry in waiting if entry[0] <= depth]
        for _, child, milliseconds in children:
            times[child or name or "the interpreter"] += milliseconds
        waiting.append((depth, name, float(self_us) / 1000))
    for _, child, milliseconds in waiting:
        times[child or "the interpreter"] += milliseconds
    return times


def _package(module: str) -> str:
    """Whose module it is; nothing for one of the standard library."""
    top, *rest = module.split(".")
    if top == _OURS:
        return ".".join([_OURS, *rest[:1]])
    if top in sys.stdlib_module_names or top.startswith("_"):
        return ""
    return _PACKAGES.get(top, top if top in {"anyio", "orjson"} else "aiohttp and what it needs")


# --- decoding ----------------------------------------------------------------------------------


def _decoding() -> dict[str, float]:
    """The whole, and parts of it that no decoder into objects can do without."""
    page = make_page(0)
    names = [name for name, _, _ in wire_fields(SavedClip)]
    wires = [wire for _, wire, _ in wire_fields(SavedClip)]
    pick = itemgetter(*wires)
    whole = dict.fromkeys(wires)
    clips = [{**whole, **clip} for clip in orjson.loads(page)["savedClips"]]
    plain: Any = attrs.define(
        type("Plain", (), {"__annotations__": dict.fromkeys(names, Any)}), init=False, eq=False
    )
    lines = "\n".join(
        ["def fill(values):", "    made = Plain()", f"    {', '.join(names)} = values"]
        + [f"    made.{name} = {name}" for name in names]
        + ["    return made"]
    )
    namespace: dict[str, Any] = {"Plain": plain}
    exec(lines, namespace)  # noqa: S102  # our own lines
    fill, values = namespace["fill"], [pick(clip) for clip in clips]
    checks = "\n".join(
        ["def check(values):", f"    {', '.join(names)} = values"]
        + [f"    if {name} is not None and type({name}) is int: pass" for name in names]
    )
    exec(checks, namespace)  # noqa: S102  # as above
    check = namespace["check"]
    return {
        "all of it: rhombus_clips.loads": _each(lambda: loads(page, SavedClipPage)),
        "the parser: orjson.loads": _each(lambda: orjson.loads(page)),
        f"taking {len(names)} values out of a dictionary": _each(lambda: [*map(pick, clips)]),
        "an object, and its attributes": _each(lambda: [*map(fill, values)]),
        "a look at the type of each": _each(lambda: [*map(check, values)]),
    }


def _each(work: Callable[[], object]) -> float:
    samples: list[float] = []
    for _ in range(_ROUNDS):
        begun = time.perf_counter()
        work()
        samples.append(time.perf_counter() - begun)
    return median(samples) * 1e6 / CLIPS_A_PAGE


# --- one call ----------------------------------------------------------------------------------


async def _one_call() -> dict[str, float]:
    """From bare aiohttp to the session, one thing more at a time, all in each round."""
    with service_elsewhere(serve, Setting()) as service:
        async with (
            ClipSession(API_KEY, base_url=service.address) as session,
            aiohttp.ClientSession(headers=HEADERS) as raw,
        ):
            url, body = service.address + SAVED_CLIPS, encode_request({"max_page_size": 1})
            inside: Any = session
            transport = inside._transport  # noqa: SLF001  # a profile looks inside
            http, headers, timeout = transport.open(), transport._headers, transport._whole_call  # noqa: SLF001

            async def bare() -> None:
                async with raw.post(url, data=body) as response:
                    await response.read()

            async def as_we_ask() -> None:
                async with http.post(
                    url, data=body, headers=headers, timeout=timeout,
                    allow_redirects=False, raise_for_status=False,
                ) as response:  # fmt: skip
                    await response.read()

            async def transported() -> bytes:
                reply: bytes = (await transport.post(SAVED_CLIPS, body, seconds=120)).body
                return reply

            async def parsed() -> None:
                orjson.loads(await transported())

            async def decoded() -> None:
                finished(structure(Document.of(await transported()), SavedClipPage))

            async def ours() -> None:
                await session.get_saved_clips(max_page_size=1)

            calls = await _side_by_side(
                {
                    "bare aiohttp": bare,
                    "its timers, our headers, no redirects, no cookies": as_we_ask,
                    "a bounded body, errors of our own": transported,
                    "orjson.loads": parsed,
                    "the model": decoded,
                    "arguments, pause and rate, envelope, the loop's budget, deadline": ours,
                }
            )
    steps = dict(zip(calls, [0.0, *calls.values()], strict=False))
    return {
        **{f"+ {name}": calls[name] - steps[name] for name in calls},
        "= ours": calls[[*calls][-1]],
    }


async def _side_by_side(calls: dict[str, Callable[[], Awaitable[object]]]) -> dict[str, float]:
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(-10, _ROUNDS):
        for name, call in calls.items():
            begun = time.perf_counter()
            for _ in range(10):
                await call()
            if number >= 0:
                samples[name].append((time.perf_counter() - begun) / 10)
    return {name: median(seconds) * 1e6 for name, seconds in samples.items()}


if __name__ == "__main__":
    main()
