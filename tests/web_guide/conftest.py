"""Fixtures for the guide's programs: a fake service, and the settings that lead to it."""

from collections.abc import AsyncIterator, Callable

import aiohttp
import pytest

from rhombus_clips.testing import FakeRhombus


@pytest.fixture(params=["aiohttp", "fastapi"])
def framework(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def use(monkeypatch: pytest.MonkeyPatch) -> Callable[[FakeRhombus], None]:
    """A function that makes the programs use a fake service."""

    def use(fake: FakeRhombus) -> None:
        monkeypatch.setenv("RHOMBUS_API_KEY", fake.api_key)
        monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", fake.url)
        monkeypatch.setenv("RHOMBUS_MEDIA_URL", fake.media_url)

    return use


@pytest.fixture
async def fake(use: Callable[[FakeRhombus], None]) -> AsyncIterator[FakeRhombus]:
    async with FakeRhombus(130) as fake:
        use(fake)
        yield fake


@pytest.fixture
async def browser() -> AsyncIterator[aiohttp.ClientSession]:
    """The client of a backend."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(60)) as browser:
        yield browser
