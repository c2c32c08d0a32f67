"""The code that a call and a listing pass through stays small enough to follow."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import FrameType

import pytest

import rhombus_clips
from rhombus_clips import ClipSession

PACKAGE = Path(rhombus_clips.__file__).parent


async def _call(session: ClipSession) -> None:
    await session.get_saved_clips(max_page_size=1)


async def _listing(session: ClipSession) -> None:
    pager = session.saved_clips(page_size=10)
    assert len([clip async for clip in pager]) == 25
    assert pager.stats.pages == 3


@pytest.mark.parametrize(
    ("work", "functions", "files"),
    [(_call, 28, 9), (_listing, 98, 17)],
    ids=["one call", "three pages"],
)
async def test_the_path_through_the_package_is_short(
    fake_elsewhere,
    connect,
    monkeypatch,
    work: Callable[[ClipSession], Awaitable[None]],
    functions,
    files,
) -> None:
    """Functions and files of the package that run; the service runs in another thread."""
    # A slow machine would spend the budget of a turn, and wait for the next one.
    monkeypatch.setattr("rhombus_clips.calls.pacing._SECONDS_PER_TURN", 1e6)
    del fake_elsewhere.clips[25:]
    for clip in fake_elsewhere.clips:
        clip.pop("retentionDays", None)  # A key without a field takes a detour.
    ran = set[tuple[str, str, int]]()

    def note(frame: FrameType, event: str, _argument: object) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            ran.add((code.co_filename, code.co_qualname, code.co_firstlineno))

    async with connect(fake_elsewhere) as session:
        await work(session)  # Compiles the functions that decode.
        sys.setprofile(note)
        try:
            await work(session)
        finally:
            sys.setprofile(None)
    passed = sorted(f"{Path(file).relative_to(PACKAGE)}: {name}" for file, name, _ in ran)
    assert len(ran) <= functions, passed
    assert len({file for file, _, _ in ran}) <= files, passed
