"""One iteration at a time of what holds the state of one walk."""

import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from types import AsyncGeneratorType
from typing import Any, Generic, TypeVar, cast

from rhombus_clips.concurrency import Iteration, Waiting

ItemT = TypeVar("ItemT")
AnyT = TypeVar("AnyT")


def is_alive(generator: AsyncGenerator[Any, None]) -> bool:
    """Whether *generator* has not ended yet."""
    return cast("AsyncGeneratorType[Any, None]", generator).ag_frame is not None


class Claim:
    """What the iteration under way holds.

    :param what: What is iterated, in a word, for the error.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        # Weak: a loop left by break drops its generator, and with it the claim. Not to the
        # iteration: a task that awaits an item may hold nothing but the generator.
        self._generator: weakref.ref[AsyncGenerator[Any, None]] | None = None
        self._waiting = Waiting()

    def of(self, iteration: Iteration[ItemT]) -> Iteration[ItemT]:
        """*iteration*, which holds the claim from now on, until it ends or is dropped.

        Raises `RuntimeError` when another does.
        """
        current = self._current()
        if current is not None and is_alive(current):
            raise RuntimeError(
                f"this {self._what} is being iterated already; close that iteration first, or make"
                " a second one"
            )
        self._generator = weakref.ref(iteration.generator)
        self._waiting = iteration.waiting
        return iteration

    async def end(self) -> None:
        """Close the iteration that holds the claim, if there is one."""
        current = self._current()
        if current is not None:
            await self._waiting.close(current)

    def _current(self) -> AsyncGenerator[Any, None] | None:
        return None if self._generator is None else self._generator()


class Resumable(ABC, Generic[ItemT]):
    """Something to iterate again and again, each time from where it stopped."""

    def __init__(self, what: str) -> None:
        self._claim = Claim(what)
        self._one_by_one: Iteration[ItemT] | None = None

    @abstractmethod
    def _iterated(self, waiting: Waiting) -> AsyncGenerator[ItemT, None]:
        """An iteration from where the last one stopped, which waits by *waiting*."""

    def __aiter__(self) -> AsyncGenerator[ItemT, None]:
        return self._iteration()

    def _iteration(self) -> Iteration[ItemT]:
        # What was begun by `anext` goes on, as that of a generator does.
        if self._one_by_one is not None and is_alive(self._one_by_one.generator):
            return self._one_by_one
        self._one_by_one = None
        return self._claimed(self._iterated)

    async def __anext__(self) -> ItemT:
        """The next item, for ``await anext(...)``; after an error it goes on."""
        self._one_by_one = self._iteration()
        return await anext(self._one_by_one)

    def _claimed(
        self, generate: Callable[[Waiting], AsyncGenerator[AnyT, None]]
    ) -> Iteration[AnyT]:
        return self._claim.of(Iteration(generate))

    async def aclose(self) -> None:
        """End the iteration that is under way; another goes on from there.

        A task that awaits the next item gets `StopAsyncIteration`.
        """
        self._one_by_one = None
        await self._claim.end()
