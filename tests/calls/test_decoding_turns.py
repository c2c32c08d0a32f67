"""Decoding shares the turns of the event loop: none holds more than its budget."""

import asyncio

import anyio
import pytest

from rhombus_clips.calls import pacing
from rhombus_clips.calls.pacing import DecodingTurns


class TurnsOfLoop:
    """Counts the turns that the running loop has made."""

    def __init__(self) -> None:
        self.number = 0
        self._next()

    def _next(self) -> None:
        self.number += 1
        self._handle = asyncio.get_running_loop().call_soon(self._next)

    def stop(self) -> None:
        self._handle.cancel()


async def _decode(turns: DecodingTurns, seconds: float) -> None:
    await turns.turn()
    turns.spend(seconds)


async def test_one_turn_of_the_loop_decodes_for_its_budget_and_the_rest_comes_later() -> None:
    turns, loop, spent = DecodingTurns(), TurnsOfLoop(), dict[int, float]()

    async def decode() -> None:
        await turns.turn()
        turns.spend(0.001)
        spent[loop.number] = spent.get(loop.number, 0) + 0.001

    async with anyio.create_task_group() as tasks:
        for _ in range(200):
            tasks.start_soon(decode)
    loop.stop()
    assert sum(spent.values()) == pytest.approx(0.2)
    # One decoding may begin just before the budget is used up; estimates err at the beginning.
    assert sorted(spent.values())[-2] <= 0.007
    # And the turns are used: the budget is not let go to waste.
    assert loop.number < 100


async def test_a_call_alone_waits_for_nothing() -> None:
    turns, loop = DecodingTurns(), TurnsOfLoop()
    await _decode(turns, 0.004)
    loop.stop()
    assert loop.number == 1


async def test_what_waited_longest_goes_first() -> None:
    turns, order = DecodingTurns(), list[int]()

    async def decode(number: int) -> None:
        await turns.turn()
        turns.spend(0.004)
        order.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(decode, number)
    assert order == list(range(20))


async def test_those_that_are_cancelled_while_they_wait_hold_nobody_up() -> None:
    turns = DecodingTurns()
    tasks = [asyncio.ensure_future(_decode(turns, 0.01)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[1:9]:
        task.cancel()
    with anyio.fail_after(1):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [False, *[True] * 8, False]


async def test_long_listing_lets_other_tasks_run_between_its_steps(fake, session) -> None:
    """A page of thousands is not made in one go."""
    fake.clips = [{"uuid": f"clip {number}", "timestampMs": number + 1} for number in range(30_000)]
    loop = TurnsOfLoop()
    made_in: set[int] = set()
    spend = DecodingTurns.spend

    def watched(turns: DecodingTurns, seconds: float) -> None:
        made_in.add(loop.number)
        spend(turns, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecodingTurns, "spend", watched)
        patch.setattr(pacing, "_SECONDS_PER_TURN", 0.0005)
        page = await session.get_saved_clips(max_page_size=10_000)
    loop.stop()
    assert len(page.saved_clips) == 10_000
    assert len(made_in) > 5
