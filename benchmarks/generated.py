"""The clients that OpenAPI generators make of the service's document, where they can be had."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

List = Callable[[int, int | None], Awaitable[Any]]
"""Lists a page: of how many clips, from which cursor."""


@asynccontextmanager
async def clients(url: str, headers: Mapping[str, str]) -> AsyncGenerator[dict[str, List], None]:
    yield {}
