"""Measuring side by side: every candidate in every round, medians of what a round's ratios are."""

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
    """What a ratio has to be."""

    relation: Literal["<=", ">="]
    bound: float

    def is_met(self, ratio: float) -> bool:
        """Whether *ratio* keeps it."""
        return ratio <= self.bound if self.relation == "<=" else ratio >= self.bound

    def __str__(self) -> str:
        return f"{self.relation} {self.bound:g}"


def at_most(bound: float) -> Target:
    """A ratio of ours to the peer's that must not be above *bound*."""
    return Target(relation="<=", bound=bound)


def at_least(bound: float) -> Target:
    """A ratio of the peer's to ours that must not be below *bound*."""
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
    """Ours to theirs, or theirs to ours where the target is a least one."""
    spread: tuple[float, float]
    """The tenth and the ninetieth percentile of the rounds' ratios."""
    target: Target | None = None
    rounds: int = field(default=1)

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one."""
        return None if self.target is None else self.target.is_met(self.ratio)


async def side_by_side(candidates: Mapping[str, Callable[[int], Any]], rounds: int) -> Samples:
    """Seconds that each candidate took in each round; one round before does not count.

    A candidate takes the round's number; what it returns is awaited if it can be. The order is
    drawn anew for each round: whoever comes next pays for what the one before left in the
    processor's caches and to the garbage collector, and that must not always be the same one.
    """
    samples: Samples = {name: [] for name in candidates}
    order, chance = list(candidates), random.Random(0)
    for number in range(-1, rounds):
        chance.shuffle(order)
        for name in order:
            begun = time.perf_counter()
            outcome = candidates[name](number)
            if inspect.isawaitable(outcome):
                outcome = await outcome
            seconds = time.perf_counter() - begun
            del outcome  # Whoever comes next does not pay for dropping it.
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
    """A row for each peer among *targets* that was sampled; *scale* makes seconds the unit."""
    rows: list[Row] = []
    for peer, target in targets.items():
        if peer not in samples:
            continue
        pairs = list(zip(samples[ours], samples[peer], strict=True))
        turned = target is not None and target.relation == ">="
        ratios = [theirs / our if turned else our / theirs for our, theirs in pairs]
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
    """The rows of a module of this package, in a new process: no part is a burden to the next."""
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


def _measure(part: str, quick: bool, pipe: Any) -> None:  # noqa: FBT001  # as it is passed on
    module: Any = importlib.import_module(f"benchmarks.{part}")
    pipe.send(asyncio.run(module.measure(quick=quick)))
