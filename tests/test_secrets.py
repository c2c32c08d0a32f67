"""The key stays home: under every fault it is in nothing that a caller can print or store."""

import json
import logging
import pickle
import time
import traceback
from collections.abc import Iterator

import pytest
from attrs import evolve

from rhombus_clips import ClipSession, RetryPolicy, RhombusError, Timeout
from rhombus_clips.testing import FakeRhombus, faults

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


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
async def test_key_is_in_nothing_that_an_error_brings(fault, caplog) -> None:
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
            started = time.monotonic()
            with pytest.raises(RhombusError) as caught:
                await session.saved_clips().collect(1)
            # And no call outlives its deadline by more than half a second.
            assert time.monotonic() - started < 0.3 + 0.5
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


@pytest.mark.parametrize("status", [200, 400, 302])
async def test_key_that_is_cut_off_at_the_end_of_a_message_is_none(status) -> None:
    """Wherever the cut falls within it: fewer characters than make a secret are left."""
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
