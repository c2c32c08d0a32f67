"""Under every fault, the key is in nothing that a caller can print or store."""

import asyncio
import json
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from rhombus_clips import ClipSession, RetryPolicy, RhombusError, Timeout
from rhombus_clips.testing import FakeRhombus, faults
from tests.examples import a_few

KEY = "MARKER-that-must-not-leave"

FAULTS = [
    faults.Disconnect(),
    faults.Disconnect(after_bytes=30),
    faults.Disconnect(after_bytes=300),
    faults.Reset(),
    faults.Reset(after_bytes=30),
    faults.Reset(after_bytes=300),
    faults.TruncatedChunks(),
    faults.GarbledChunks(),
    faults.EndlessBody(),
    faults.Silence(5),
    faults.Drip(bytes_at_once=1, pause=0.05),
    faults.GZIP_GARBAGE,
    faults.HTML_INSTEAD,
    faults.REFUSED,
    faults.REFUSED_WITHOUT_REASON,
    faults.BAD_STRUCTURE,
    faults.UNAUTHENTICATED,
    faults.ACCESS_DENIED,
    faults.BARE_FORBIDDEN,
    faults.TOO_MANY_REQUESTS,
    faults.INTERNAL_ERROR,
    faults.BAD_GATEWAY,
    faults.UNAVAILABLE,
    faults.Respond(302, headers={"Location": "http://127.0.0.1:1/"}),
    faults.Respond(200, b'{"savedClips": 5}'),
    faults.Respond(200, b"[" * 100_000),
]


@pytest.mark.parametrize("fault", a_few(FAULTS), ids=lambda fault: type(fault).__name__)
async def test_key_is_in_no_part_of_an_error(fault, caplog) -> None:
    """Text, arguments, attributes, notes, causes, contexts, traceback, pickle, log, repr."""
    caplog.set_level(logging.DEBUG)
    async with FakeRhombus(3, api_key=KEY) as fake:
        fake.faults = [evolve(fault, times=None)]
        async with ClipSession(
            KEY,
            base_url=fake.url,
            retry=RetryPolicy(attempts=2, base=0.001, cap=0.001),
            timeout=Timeout(total=0.3),
            max_response_bytes=100_000,
        ) as session:
            with pytest.raises(RhombusError) as caught:
                await session.saved_clips().collect(1)
            shown = [caplog.text, repr(session), str(vars(session._call).keys())]
    for error in _chain(caught.value):
        shown += [str(error), repr(error), repr(error.args), repr(vars(error))]
    shown += traceback.format_exception(caught.value)
    shown.append(pickle.dumps(caught.value).decode("latin-1"))
    assert KEY not in "".join(shown)
    assert all(KEY not in repr(request) for request in fake.requests)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        yield from _chain(error.__cause__)
        error = error.__context__


ECHOES = [
    faults.json_answer(403, {"message": f"Invalid api key {KEY}"}),
    faults.json_answer(200, {"error": True, "errorMsg": KEY}),
    faults.json_answer(200, {"savedClips": [{"uuid": KEY, "title": 5}]}),
    faults.Respond(200, KEY.encode(), headers={"x-echo": KEY}),
    faults.Respond(302, headers={"Location": f"https://elsewhere.example/{KEY}"}),
]


@pytest.mark.parametrize("fault", a_few([*FAULTS, *ECHOES]), ids=lambda fault: type(fault).__name__)
async def test_key_is_in_no_variable_of_the_frames_of_an_error(fault) -> None:
    """Error reporters show the variables of each frame, including those of other libraries."""
    async with FakeRhombus(3, api_key=KEY) as fake:
        fake.faults = [evolve(fault, times=None)]
        async with _session(fake) as session:
            with pytest.raises(RhombusError) as caught:
                await session.get_saved_clips()
    shown = _with_variables(caught.value)
    assert KEY not in shown
    assert "respond" in shown


@pytest.mark.parametrize("seconds", ["0.001", "60"])
async def test_key_is_in_no_variable_of_the_frames_of_a_cancellation(seconds) -> None:
    """The call waited for the answer or, after a refusal, for its next attempt."""
    fault = faults.Silence(5) if seconds == "0.001" else faults.Respond(429)
    async with FakeRhombus(3, api_key=KEY) as fake:
        fake.faults = [evolve(fault, times=None)]
        async with ClipSession(KEY, base_url=fake.url, retry=RetryPolicy(base=60.0)) as session:
            call = asyncio.ensure_future(session.get_saved_clips())
            await fake.wait_for_requests(1)
            call.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await call
            assert fake.requests
    assert KEY not in _with_variables(caught.value)


async def test_key_is_in_no_variable_when_the_session_closes_during_a_pause(monkeypatch) -> None:
    """The call already has its connection, and waits inside the HTTP library."""
    async with FakeRhombus(3, api_key=KEY) as fake:
        session = _session(fake)
        connect = aiohttp.TCPConnector._create_connection
        connected = asyncio.Event()

        async def pausing_connect(*arguments: Any) -> Any:
            connection = await connect(*arguments)
            session._call._pacing.begin_pause(60)
            connected.set()
            return connection

        monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", pausing_connect)
        call = asyncio.ensure_future(session.get_saved_clips())
        await connected.wait()
        await session.aclose()
        with pytest.raises(RhombusError) as caught:
            await call
        assert fake.requests == []
    assert KEY not in _with_variables(caught.value)


def _session(fake: FakeRhombus) -> ClipSession:
    return ClipSession(
        KEY,
        base_url=fake.url,
        retry=RetryPolicy(attempts=2, base=0.001, cap=0.001),
        timeout=Timeout(total=0.3),
        max_response_bytes=100_000,
    )


def _with_variables(error: BaseException) -> str:
    """Return the traceback of *error* without the frames of the test."""
    assert error.__traceback__ is not None
    error.__traceback__ = error.__traceback__.tb_next
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(shown.format())


@pytest.mark.parametrize("status", [200, 400, 302])
async def test_truncated_key_at_the_end_of_a_message_is_redacted(status) -> None:
    """Wherever the message is truncated, no recognizable part of the key remains."""
    shown = ""
    async with FakeRhombus(3, api_key=KEY) as fake, ClipSession(KEY, base_url=fake.url) as session:
        for length in [*range(50, 82), *range(180, 202), *range(370, 402)]:
            words = "." * length + KEY + "." * 400
            body = words if status != 200 else json.dumps({"savedClips": words})
            fake.faults = [
                faults.Respond(status, body.encode(), headers={"Location": f"https://a/{words}"})
            ]
            with pytest.raises(RhombusError) as caught:
                await session.get_saved_clips()
            shown += f"{caught.value} {vars(caught.value)}"
    assert KEY[:8] not in shown
    assert "[redacted]" in shown
