"""One iteration at a time of what holds the state of one walk."""

import weakref
from collections.abc import AsyncGenerator
from types import AsyncGeneratorType
from typing import Any, TypeVar, cast

ItemT = TypeVar("ItemT")


class Claim:
    """What the iteration under way holds.

    :param what: What is iterated, in a word, for the error.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._iteration: weakref.ref[AsyncGeneratorType[Any, None]] | None = None

    def of(self, iteration: AsyncGenerator[ItemT, None]) -> AsyncGenerator[ItemT, None]:
        """*iteration*, which holds the claim from now on, until it ends or is dropped.

        Raises `RuntimeError` when another does.
        """
        current = None if self._iteration is None else self._iteration()
        if current is not None and current.ag_frame is not None:
            raise RuntimeError(
                f"this {self._what} is being iterated already; close that iteration first, or make"
                " a second one"
            )
        # Weak: a loop left by break drops its generator, and with it the claim.
        self._iteration = weakref.ref(cast("AsyncGeneratorType[Any, None]", iteration))
        return iteration
