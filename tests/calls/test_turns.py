"""Decoding shares the turns of the event loop: none holds more than its budget."""

import asyncio

import anyio
import pytest

from rhombus_clips.calls import turns as turns_module
from rhombus_clips.calls.turns import DecodingTurns


class Clock:
    now = 0.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(turns_module, "time", clock)
    return clock


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


async def _decode(turns: DecodingTurns, clock: Clock, seconds: float) -> None:
    await turns.turn()
    with turns:
        clock.now += seconds


async def test_one_turn_of_the_loop_decodes_for_its_budget_and_the_rest_comes_later(clock) -> None:
    turns, loop, spent = DecodingTurns(), TurnsOfLoop(), dict[int, float]()

    async def decode() -> None:
        await turns.turn()
        with turns:
            clock.now += 0.001
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


async def test_a_call_alone_waits_for_nothing(clock) -> None:
    turns, loop = DecodingTurns(), TurnsOfLoop()
    await _decode(turns, clock, 0.004)
    loop.stop()
    assert loop.number == 1


async def test_what_waited_longest_goes_first(clock) -> None:
    turns, order = DecodingTurns(), list[int]()

    async def decode(number: int) -> None:
        await turns.turn()
        with turns:
            clock.now += 0.004
        order.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(decode, number)
    assert order == list(range(20))


async def test_those_that_are_cancelled_while_they_wait_hold_nobody_up(clock) -> None:
    turns = DecodingTurns()
    tasks = [asyncio.ensure_future(_decode(turns, clock, 0.01)) for _ in range(10)]
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
    spend = DecodingTurns.__enter__

    def watched(turns: DecodingTurns) -> None:
        made_in.add(loop.number)
        spend(turns)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecodingTurns, "__enter__", watched)
        patch.setattr(turns_module, "_SECONDS_A_TURN", 0.0005)
        page = await session.get_saved_clips(max_page_size=10_000)
    loop.stop()
    assert len(page.saved_clips) == 10_000
    assert len(made_in) > 5
