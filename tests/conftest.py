"""What the tests share: a fake service, and a session that waits for nothing."""

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

# Sockets make single examples slow now and then: their number bounds a test, not their time. The
# default is quick; ``--hypothesis-profile=deep`` takes twenty times as many.
_PROFILES = {"quick": 10, "deep": 200}
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
    """Twice as many processes as there are cores: most tests wait for a socket or a process."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(scope="session", autouse=True)
def _compiled_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Processes that tests start find the library compiled, even where no bytecode is kept."""
    if os.environ.pop("PYTHONDONTWRITEBYTECODE", None):
        os.environ["PYTHONPYCACHEPREFIX"] = str(tmp_path_factory.mktemp("bytecode"))


IMPATIENT = RetryPolicy(attempts=5, base=0.001, cap=0.002)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def fake() -> AsyncIterator[FakeRhombus]:
    async with FakeRhombus(30) as service:
        yield service


@pytest.fixture
def fake_elsewhere() -> Iterator[FakeRhombus]:
    """A fake service on a loop of its own, in a thread: none of its tasks are on the test's."""
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
    """Make a session with a fake service that does not wait long between attempts."""

    def connect(fake: FakeRhombus, **settings: Any) -> ClipSession:
        settings.setdefault("retry", IMPATIENT)
        settings.setdefault("media_url", fake.media_url)
        return ClipSession(fake.api_key, base_url=fake.url, **settings)

    return connect


@pytest.fixture
def document() -> Any:
    """The facts of the service's OpenAPI document, in the document's own form."""
    return load_facts()["document"]
