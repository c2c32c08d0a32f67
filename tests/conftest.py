"""Shared fixtures: a fake service, and sessions that hardly wait between attempts."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from rhombus_clips import ClipSession, RetryPolicy
from rhombus_clips.testing import FakeRhombus
from tests.service_document import load_facts
from tests.virtual_clock import skip_waits

# An example may be slow because of its sockets, so the number of examples is limited, not the time.
# The default is quick; ``--hypothesis-profile=deep`` runs forty times as many.
_PROFILES = {"quick": 5, "deep": 200}
for _name, _examples in _PROFILES.items():
    settings.register_profile(
        _name,
        max_examples=_examples,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow],
        derandomize=True,
    )
settings.load_profile("quick")


def pytest_xdist_auto_num_workers() -> int:
    """Return twice the number of cores, because most tests wait for sockets or processes."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Share compiled bytecode between the processes that tests start, even where it is disabled."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("bytecode"))


IMPATIENT = RetryPolicy(attempts=5, base=0.001, cap=0.002)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def virtual_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the event loop's clock skip all waits; see `skip_waits`."""
    skip_waits(asyncio.get_running_loop(), monkeypatch)


@pytest.fixture
async def fake() -> AsyncIterator[FakeRhombus]:
    async with FakeRhombus(30) as service:
        yield service


@pytest.fixture
def fake_elsewhere() -> Iterator[FakeRhombus]:
    """A fake service with its own event loop, in a thread."""
    started, stop = threading.Event(), asyncio.Event()
    serving: list[tuple[FakeRhombus, asyncio.AbstractEventLoop]] = []

    async def serve() -> None:
        async with FakeRhombus(30) as service:
            serving.append((service, asyncio.get_running_loop()))
            started.set()
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert started.wait(10)
    service, loop = serving[0]
    yield service
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)


@pytest.fixture
async def session(
    fake: FakeRhombus, connect: Callable[..., ClipSession]
) -> AsyncIterator[ClipSession]:
    async with connect(fake) as session:
        yield session


@pytest.fixture
def connect() -> Callable[..., ClipSession]:
    """A function that returns a session for a fake service, with short waits between attempts."""

    def connect(fake: FakeRhombus, **settings: Any) -> ClipSession:
        settings.setdefault("retry", IMPATIENT)
        settings.setdefault("media_url", fake.media_url)
        return ClipSession(fake.api_key, base_url=fake.url, **settings)

    return connect


@pytest.fixture
def document() -> Any:
    """The facts from the service's OpenAPI document, in the same form as the document."""
    return load_facts()["document"]
