"""The event loop that a session belongs to."""

import asyncio

import aiohttp

from rhombus_clips.errors import WrongEventLoopError


class HomeLoop:
    """The event loop of a session: that of a borrowed client session, or of the first use.

    Connections, locks and timers are bound to it. In another loop they would fail at an arbitrary
    point, or wait forever.

    :param borrowed: The caller's client session, if there is one.
    """

    def __init__(self, borrowed: aiohttp.ClientSession | None) -> None:
        # The public property of aiohttp is deprecated, and there is no other.
        self.loop: asyncio.AbstractEventLoop | None = getattr(borrowed, "_loop", None)
        """None before the first use."""

    def enter(self) -> None:
        """Belong to the running event loop; raise `WrongEventLoopError` if there is another."""
        if self.loop is not None:
            state = "is closed" if self.loop.is_closed() else "is not the running one"
            raise WrongEventLoopError(
                f"the session belongs to an event loop that {state}: create a ClipSession (and its"
                " http, if you pass one) in each event loop, and thus in each asyncio.run(); from"
                " another thread, use asyncio.run_coroutine_threadsafe"
            )
        self.loop = asyncio.get_running_loop()
