"""One iteration at a time of what holds the state of one walk."""

import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator
from types import AsyncGeneratorType
from typing import Any, Generic, TypeVar, cast

ItemT = TypeVar("ItemT")


def is_alive(iteration: AsyncGenerator[Any, None]) -> bool:
    """Whether *iteration* has not ended yet."""
    return cast("AsyncGeneratorType[Any, None]", iteration).ag_frame is not None


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
        if current is not None and is_alive(current):
            raise RuntimeError(
                f"this {self._what} is being iterated already; close that iteration first, or make"
                " a second one"
            )
        # Weak: a loop left by break drops its generator, and with it the claim.
        self._iteration = weakref.ref(cast("AsyncGeneratorType[Any, None]", iteration))
        return iteration

    async def end(self) -> None:
        """Close the iteration that holds the claim, if there is one."""
        current = None if self._iteration is None else self._iteration()
        if current is not None:
            await current.aclose()


class Resumable(ABC, Generic[ItemT]):
    """Something to iterate again and again, each time from where it stopped."""

    def __init__(self, what: str) -> None:
        self._claim = Claim(what)
        self._one_by_one: AsyncGenerator[ItemT, None] | None = None

    @abstractmethod
    def _iterated(self) -> AsyncGenerator[ItemT, None]:
        """An iteration from where the last one stopped."""

    def __aiter__(self) -> AsyncGenerator[ItemT, None]:
        # What was begun by `anext` goes on, as that of a generator does.
        if self._one_by_one is not None and is_alive(self._one_by_one):
            return self._one_by_one
        self._one_by_one = None
        return self._claimed(self._iterated())

    async def __anext__(self) -> ItemT:
        """The next item, for ``await anext(...)``; after an error it goes on."""
        self._one_by_one = aiter(self)
        return await anext(self._one_by_one)

    def _claimed(self, iteration: AsyncGenerator[Any, None]) -> AsyncGenerator[Any, None]:
        return self._claim.of(iteration)

    async def aclose(self) -> None:
        """End the iteration that is under way; another goes on from there."""
        self._one_by_one = None
        await self._claim.end()
