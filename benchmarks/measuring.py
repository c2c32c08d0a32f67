"""Measure candidates side by side: each in every round, then medians of the rounds' ratios."""

import asyncio
import importlib
import inspect
import multiprocessing
import random
import time
from collections.abc import Callable, Mapping
from statistics import median, quantiles
from typing import Any, Literal

from attrs import field, frozen

Samples = dict[str, list[float]]


@frozen(kw_only=True)
class Target:
    """A bound for a ratio."""

    relation: Literal["<=", ">="]
    bound: float

    def is_met(self, ratio: float) -> bool:
        """Return whether *ratio* is within the bound."""
        return ratio <= self.bound if self.relation == "<=" else ratio >= self.bound

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}"


def at_most(bound: float) -> Target:
    """Return a target for the ratio of ours to the peer's: at most *bound*."""
    return Target(relation="<=", bound=bound)


def at_least(bound: float) -> Target:
    """Return a target for the ratio of the peer's to ours: at least *bound*."""
    return Target(relation=">=", bound=bound)


@frozen(kw_only=True)
class Row:
    """One line of the table."""

    section: str
    peer: str
    ours: float
    theirs: float
    unit: str
    ratio: float
    """Ours to theirs, or theirs to ours if the target is a minimum."""
    spread: tuple[float, float]
    """The 10th and 90th percentile of the rounds' ratios."""
    target: Target | None = None
    rounds: int = field(default=1)

    @property
    def is_met(self) -> bool | None:
        """True if the target is met; None without a target."""
        return None if self.target is None else self.target.is_met(self.ratio)


async def side_by_side(candidates: Mapping[str, Callable[[int], Any]], rounds: int) -> Samples:
    """Return the seconds that each candidate took in each round, after a round of warming up.

    A candidate is called with the number of the round, and its result is awaited if it is
    awaitable. The order is random in each round, because a candidate pays for the caches and the
    garbage of its predecessor.
    """
    samples: Samples = {name: [] for name in candidates}
    order, chance = list(candidates), random.Random(0)
    for number in range(-1, rounds):
        chance.shuffle(order)
        for name in order:
            started = time.perf_counter()
            outcome = candidates[name](number)
            if inspect.isawaitable(outcome):
                outcome = await outcome
            seconds = time.perf_counter() - started
            del outcome  # Otherwise the next candidate pays for its deallocation.
            if number >= 0:
                samples[name].append(seconds)
    return samples


def compare(
    section: str,
    samples: Samples,
    targets: Mapping[str, Target | None],
    *,
    ours: str = "ours",
    scale: float,
    unit: str,
) -> list[Row]:
    """Return a row for each sampled peer in *targets*; *scale* converts seconds to *unit*."""
    rows: list[Row] = []
    for peer, target in targets.items():
        if peer not in samples:
            continue
        pairs = list(zip(samples[ours], samples[peer], strict=True))
        inverted = target is not None and target.relation == ">="
        ratios = [theirs / our if inverted else our / theirs for our, theirs in pairs]
        low, high = _spread(ratios)
        rows.append(
            Row(
                section=section,
                peer=peer,
                ours=median(samples[ours]) * scale,
                theirs=median(samples[peer]) * scale,
                unit=unit,
                ratio=median(ratios),
                spread=(low, high),
                target=target,
                rounds=len(pairs),
            )
        )
    return rows


def _spread(ratios: list[float]) -> tuple[float, float]:
    if len(ratios) < 2:
        return ratios[0], ratios[0]
    deciles = quantiles(ratios, n=10, method="inclusive")
    return deciles[0], deciles[-1]


def measured_apart(part: str, *, quick: bool) -> list[Row]:
    """Return the rows of a module of this package, measured in a new process."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_measure, args=(part, quick, theirs)
    )
    process.start()
    theirs.close()
    try:
        rows: list[Row] = ours.recv()
    except EOFError:
        raise SystemExit(f"{part} failed") from None
    finally:
        process.join()
    return rows


def _measure(part: str, quick: bool, pipe: Any) -> None:  # noqa: FBT001  # passed to a process
    module: Any = importlib.import_module(f"benchmarks.{part}")
    pipe.send(asyncio.run(module.measure(quick=quick)))
