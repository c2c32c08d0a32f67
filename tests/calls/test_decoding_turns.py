"""Decoding is spread over turns of the event loop, with a budget for each turn."""

import asyncio

import anyio
import pytest

from rhombus_clips.calls import pacing
from rhombus_clips.calls.pacing import DecodingTurns


class TurnsOfLoop:
    """Counts the turns of the running event loop."""

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


async def test_each_turn_of_the_loop_decodes_up_to_its_budget() -> None:
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
    # A call may start just before the budget is used up, and the first estimate is inaccurate.
    assert sorted(spent.values())[-2] <= 0.007
    # Most of each budget is used.
    assert loop.number < 100


async def test_single_call_does_not_wait() -> None:
    turns, loop = DecodingTurns(), TurnsOfLoop()
    await _decode(turns, 0.004)
    loop.stop()
    assert loop.number == 1


async def test_calls_decode_in_the_order_of_their_arrival() -> None:
    turns, order = DecodingTurns(), list[int]()

    async def decode(number: int) -> None:
        await turns.turn()
        turns.spend(0.004)
        order.append(number)

    async with anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(decode, number)
    assert order == list(range(20))


async def test_cancelled_calls_do_not_delay_others() -> None:
    turns = DecodingTurns()
    tasks = [asyncio.ensure_future(_decode(turns, 0.01)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[1:9]:
        task.cancel()
    with anyio.fail_after(1):
        await asyncio.gather(*tasks, return_exceptions=True)
    assert [task.cancelled() for task in tasks] == [False, *[True] * 8, False]


async def test_other_tasks_run_while_a_long_page_is_decoded(fake, session) -> None:
    """A page of thousands of clips is not decoded in one blocking step."""
    fake.clips = [{"uuid": f"clip {number}", "timestampMs": number + 1} for number in range(30_000)]
    loop = TurnsOfLoop()
    used_turns: set[int] = set()
    spend = DecodingTurns.spend

    def record(turns: DecodingTurns, seconds: float) -> None:
        used_turns.add(loop.number)
        spend(turns, seconds)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DecodingTurns, "spend", record)
        patch.setattr(pacing, "_SECONDS_PER_TURN", 0.0005)
        page = await session.get_saved_clips(max_page_size=10_000)
    loop.stop()
    assert len(page.saved_clips) == 10_000
    assert len(used_turns) > 5
