"""Detecting that the positions of a listing repeat, in constant space (Brent's algorithm)."""

from collections.abc import Sequence

from attrs import evolve, frozen

MOST_STEPS = 2**40


@frozen
class CycleCheck:
    """A checkpoint, and the steps since. A cycle returns to the checkpoint sooner or later.

    The checkpoint moves on after 1, 2, 4, 8, ... steps. A cycle of *n* positions is therefore
    detected after at most a small multiple of *n* steps.
    """

    checkpoint: int | None = None
    steps: int = 0
    most_steps: int = 1

    def has_returned_to(self, value: int) -> bool:
        """Return whether *value* is a position for a second time."""
        return value == self.checkpoint

    def moved_to(self, value: int) -> "CycleCheck":
        """Return the check after a step to *value*."""
        if self.checkpoint is None or self.steps + 1 >= self.most_steps:
            return CycleCheck(value, 0, min(2 * self.most_steps, MOST_STEPS))
        return evolve(self, steps=self.steps + 1)

    @property
    def state(self) -> tuple[int, int, int]:
        """The check as numbers; it must have a checkpoint."""
        return self.checkpoint or 0, self.steps, self.most_steps

    @classmethod
    def of(cls, state: Sequence[int]) -> "CycleCheck":
        """Return the check of a `state`. Raises `ValueError` for numbers that are not one."""
        checkpoint, steps, most = state
        if not 0 <= steps < most <= MOST_STEPS:
            raise ValueError("not the state of a check")
        return cls(checkpoint, steps, most)
