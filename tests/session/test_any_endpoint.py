"""`ClipSession.call`: any endpoint, with the same rules as the session's own methods."""

import asyncio
import json
import logging
from datetime import datetime
from enum import StrEnum
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from rhombus_clips import (
    UNSET,
    ApiError,
    BadRequestError,
    ClipSession,
    ClipStatus,
    DeadlineExceededError,
    DecodeError,
    DisconnectedError,
    InvalidArgumentError,
    MetaDataLocation,
    Model,
    NotFoundError,
    RateLimit,
    RateLimitedError,
    RhombusError,
    SavedClipPage,
    ServerError,
)
from rhombus_clips.calls import endpoints
from rhombus_clips.testing import FakeRhombus, ReceivedRequest, faults

PATH = "/api/door/getDoors"
KEY = "MARKER-that-must-not-leave"


async def echo(request: ReceivedRequest) -> dict[str, Any]:
    return {"received": request.json}


@pytest.fixture
async def fake():
    async with FakeRhombus(30, handlers={PATH: echo}) as service:
        yield service


# --- requests and responses ----------------------------------------------------------------------


async def test_presence_windows(fake: FakeRhombus, session: ClipSession) -> None:
    clip = fake.clips[0]
    start = clip["timestampMs"] // 1000
    body = {"cameraUuid": clip["deviceUuid"], "startTimeSec": start, "durationSec": 5}
    response = await session.call("/api/camera/getPresenceWindows", body, safe=True)
    assert response == {
        "error": False,
        "warningMsg": None,
        "presenceWindows": {
            "VideoCloud": [{"startSeconds": start, "durationSeconds": 5}],
            "VideoLocal": [],
        },
    }


async def test_body_and_response_are_unchanged(fake: FakeRhombus, session: ClipSession) -> None:
    """Names, nulls, order, numbers and text, in both directions."""
    body = {
        "b_b": None,
        "aA": [1, None, {"x_y": "ü\u2028😀", "": {}}],
        "n": [2**63 - 1, -(2**63), 0.1, 1e300, -0.0],
        "t": True,
    }
    response = await session.call(PATH, body)
    assert json.dumps(response) == json.dumps({"received": body})
    assert fake.requests[-1].header("content-type") == "application/json"


@pytest.mark.parametrize("body", [None, {}])
async def test_body_is_an_empty_object_by_default(body, fake, session) -> None:
    await session.call(PATH, body)
    assert fake.requests[-1].body == b"{}"


async def test_models_and_enum_members_in_the_body_are_sent_as_the_service_writes_them(
    fake, session
) -> None:
    location = MetaDataLocation(region="us-west-2")
    await session.call(PATH, {"at": [location], "status": ClipStatus("NEW"), "ids": ("a", "b")})
    assert fake.requests[-1].json == {
        "at": [{"region": "us-west-2"}],
        "status": "NEW",
        "ids": ["a", "b"],
    }


async def test_integers_beyond_64_bits_are_received_exactly(fake, session) -> None:
    text = b'{"error": null, "a": 123456789012345678901234567890, "b": [-18446744073709551617]}'
    fake.faults = [faults.Respond(200, text)]
    response = await session.call(PATH)
    assert response == {
        "error": None,
        "a": 123456789012345678901234567890,
        "b": [-18446744073709551617],
    }


async def test_body_may_change_while_the_call_waits(fake, session) -> None:
    body = {"a": 1}
    held = asyncio.Event()
    fake.faults = [faults.Held(held), faults.BAD_GATEWAY]
    call = asyncio.ensure_future(session.call(PATH, body, safe=True))
    await fake.wait_for_requests(1)
    body["a"] = 2
    held.set()
    assert await call == {"received": {"a": 1}}


async def test_path_may_be_a_member_of_an_enum(fake, session) -> None:
    class Paths(StrEnum):
        DOORS = PATH

    await session.call(Paths.DOORS)
    fake.faults = [faults.BAD_STRUCTURE]
    with pytest.raises(BadRequestError) as caught:
        await session.call(Paths.DOORS)
    assert type(caught.value.endpoint) is str


# --- models --------------------------------------------------------------------------------------


@attrs.frozen(kw_only=True)
class Window(Model):
    start_seconds: int | None = None
    duration_seconds: int | None = None


@attrs.frozen(kw_only=True)
class PresenceWindows(Model):
    presence_windows: dict[str, list[Window] | None] | None = None


@attrs.frozen(kw_only=True)
class Postponed(Model):
    windows: "list[Window] | None" = None


async def test_answer_is_decoded_into_a_model(fake: FakeRhombus, session: ClipSession) -> None:
    fake.handlers[PATH] = {"presenceWindows": {"VideoCloud": [{"startSeconds": 5, "new": 1}]}}
    answer = await session.call(PATH, answer=PresenceWindows)
    assert answer.presence_windows == {"VideoCloud": [Window(start_seconds=5)]}
    assert answer.presence_windows is not None
    (window,) = answer.presence_windows["VideoCloud"] or []
    assert dict(window.extra) == {"new": 1}
    fake.handlers[PATH] = {"windows": [{"durationSeconds": 7}]}
    assert (await session.call(PATH, answer=Postponed)).windows == [Window(duration_seconds=7)]


async def test_answer_may_be_a_model_of_the_library(fake, session) -> None:
    path = "/api/event/getSavedClipsV2"
    page = await session.call(path, {"maxPageSize": 30}, answer=SavedClipPage, safe=True)
    assert page == await session.get_saved_clips(max_page_size=30)


async def test_wrong_type_in_a_model_has_its_path(fake, session) -> None:
    fake.handlers[PATH] = {"presenceWindows": {"VideoCloud": [{"startSeconds": "5"}]}}
    with pytest.raises(DecodeError) as caught:
        await session.call(PATH, answer=PresenceWindows)
    assert caught.value.path == "$.presenceWindows.VideoCloud[0].startSeconds"
    assert caught.value.endpoint == PATH
    assert caught.value.maybe_applied


class Undecorated(Model):
    start: int | None = None


@attrs.frozen(kw_only=True)
class Required(Model):
    start: int


@attrs.frozen(kw_only=True)
class Unsupported(Model):
    start: datetime | None = None


@attrs.frozen(kw_only=True)
class Union(Model):
    start: int | str | None = None


@attrs.frozen(kw_only=True)
class Nested(Model):
    windows: dict[str, list[Unsupported]] | None = None


@attrs.frozen(kw_only=True)
class Unresolved(Model):
    start: "NoSuchClass | None" = None  # type: ignore[name-defined]  # noqa: F821  # the mistake


@attrs.frozen(kw_only=True)
class Renamed(Model):
    _start: int | None = None


@attrs.frozen
class Plain:
    start: int | None = None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Undecorated, "Undecorated must be an attrs class"),
        (Required, "Required.start must have a default"),
        (Unsupported, "Unsupported.start has the unsupported type"),
        (Union, "Union.start has the unsupported type"),
        (Nested, "Unsupported.start has the unsupported type"),
        (Unresolved, "annotations of Unresolved cannot be resolved"),
        (Renamed, "must be a parameter of __init__ with the same name"),
        (Plain, "subclass of Model"),
        (list, "subclass of Model"),
        (list[Window], "subclass of Model"),
        (None, "subclass of Model"),
        (Window(), "subclass of Model"),
    ],
    ids=str,
)
async def test_answer_that_cannot_be_decoded_is_rejected(answer, words, fake, session) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        await session.call(PATH, answer=answer)
    assert fake.requests == []


# --- arguments -----------------------------------------------------------------------------------

WRONG_PATHS: list[Any] = [
    "", "/", "/api", "/api/", "api/door/getDoors", "/api//getDoors", "/api/door/", "/apix/door",
    "/API/door", "/other/door", "//host/api/door", "https://host/api/door", "http:/api/door",
    "/api/../door", "/api/door/..", "/api/./door", "/api/door/.", "/api/door/../../x",
    "/api/door?x=1", "/api/door#x", "/api/door;x", "/api/do or", "/api/door ", " /api/door",
    "/api/door\n", "/api/door\r\nx: y", "/api/do\0or", "/api/door\t", "/api/d\u00f6r",
    "/api/\u2025/door", "/api/\uff0e\uff0e/door", "/api/\u0661", "/api/%2e%2e/door",
    "/api/%2E./door", "/api/door%2fx", "/api/%252e%252e/x", "/api/door%00", "/api/door%3fx",
    "/api/%64oor", "/api/door\\..\\x", "/api/@host", "/api/a:b", "/api/" + "a" * 200,
    "/api/door\ud800", b"/api/door", None, 5, ["/api/door"],
]  # fmt: skip


@pytest.mark.parametrize("path", WRONG_PATHS, ids=ascii)
async def test_wrong_path_is_rejected_before_anything_is_sent(path, fake, session) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^path must ") as caught:
        await session.call(path)
    assert str(caught.value).isascii()
    assert fake.requests == []


@pytest.mark.parametrize(
    "path", ["/api/a", "/api/a/b", "/api/a-b/c_d/e.f", "/api/...", "/api/.a", "/api/" + "a" * 195]
)
async def test_path_is_sent_unchanged(path, fake, session) -> None:
    with pytest.raises(NotFoundError) as caught:
        await session.call(path)
    assert caught.value.endpoint == path
    assert fake.requests[0].target == path


@given(st.text("aA0/.-_~%?#\\@:;&=+ \n\u00e9", max_size=20).map("/api/".__add__))
def test_accepted_path_is_the_path_of_the_url(path: str) -> None:
    """It leads to the host of the session, byte for byte."""
    try:
        checked = endpoints.endpoint_path(path, "path")
    except InvalidArgumentError:
        return
    url = URL("https://host.example" + checked)
    assert (url.host, url.raw_path, url.raw_path_qs) == ("host.example", path, path)


def _cycle() -> dict[str, Any]:
    body: dict[str, Any] = {}
    body["a"] = body
    return body


def _deep() -> dict[str, Any]:
    body: dict[str, Any] = {}
    for _ in range(100_000):
        body = {"a": body}
    return body


@pytest.mark.parametrize(
    "body",
    [
        [], "x", b"{}", 5, [("a", 1)], {1: 2}, {None: 1}, {"a": {1: 2}}, {"a": object()},
        {"a": {1, 2}}, {"a": b"x"}, {"a": datetime(2026, 1, 1)}, {"a": float("nan")},
        {"a": [float("inf")]}, {"a": 2**63}, {"a": 1j}, {"a": "\ud800"}, {"\ud800": 1},
        {"a": UNSET}, UNSET, _cycle(), _deep(), MetaDataLocation(),
    ],
    ids=lambda body: type(body).__name__,
)  # fmt: skip
async def test_body_that_json_cannot_hold_is_rejected(body, fake, session) -> None:
    with pytest.raises(InvalidArgumentError, match="body"):
        await session.call(PATH, body)
    assert fake.requests == []


@pytest.mark.parametrize(
    ("body", "text", "public"),
    [
        (
            {"password": b"hunter2"},
            "body['password'] must be a value that JSON can represent, not bytes",
            None,
        ),
        ({"a": {"pin": {7}}}, "body['a']['pin'] must be a value that JSON can represent, not set",
         None),
        ("hunter2", "body must be a dict, not str", None),
        (["hunter2"], "body must be a dict, not list", None),
        ({"a": float("nan")}, "body['a'] must be a finite number, not nan",
         "body['a'] must be a finite number"),
        ({"a": 2**63}, f"body['a'] must fit into 64 bits, not {2**63}",
         "body['a'] must fit into 64 bits"),
        ({("key",): 1}, "each key of body must be a string, not ('key',)",
         "each key of body must be a string"),
        (_cycle(), "body is nested too deeply", None),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
async def test_public_message_omits_the_rejected_value(body, text, public, session) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        await session.call(PATH, body)
    assert str(caught.value) == text
    assert caught.value.public_message == (public or text)
    assert caught.value.__cause__ is caught.value.__context__ is None


@pytest.mark.parametrize("safe", [None, 1, "no", UNSET])
async def test_safe_must_be_a_boolean(safe, fake, session) -> None:
    with pytest.raises(InvalidArgumentError, match="safe must be True or False"):
        await session.call(PATH, safe=safe)
    assert fake.requests == []


async def test_known_change_cannot_be_declared_safe(fake, session) -> None:
    rows = [row for row in vars(endpoints).values() if isinstance(row, endpoints.Endpoint)]
    for row in rows:
        if row.safe:
            await _outcome(session.call(row.path, safe=True))
        else:
            with pytest.raises(InvalidArgumentError, match="which changes data"):
                await session.call(row.path, safe=True)
    assert {request.path for request in fake.requests} == {row.path for row in rows if row.safe}


async def test_path_with_the_key_is_rejected_without_showing_it(fake) -> None:
    async with ClipSession(KEY, base_url=fake.url) as session:
        for path in (f"/api/x/{KEY}", f"/api/x?key={KEY}"):
            with pytest.raises(InvalidArgumentError) as caught:
                await session.call(path)
            assert KEY not in str(caught.value)
    assert fake.requests == []


# --- failures ------------------------------------------------------------------------------------


async def _outcome(call: Any) -> RhombusError | None:
    try:
        await call
    except RhombusError as error:
        return error
    return None


CELLS: list[tuple[faults.Fault, int, int, type[RhombusError]]] = [
    # fault on every request, requests when safe, requests when unsafe, error
    (faults.Respond(429, headers={"Retry-After": "0"}), 5, 5, RateLimitedError),
    (faults.Disconnect(), 5, 1, DisconnectedError),
    (faults.Reset(after_bytes=30), 5, 1, DisconnectedError),
    (faults.TruncatedChunks(), 5, 1, DisconnectedError),
    (faults.INTERNAL_ERROR, 2, 1, ServerError),
    (faults.BAD_GATEWAY, 5, 1, ServerError),
    (faults.BAD_STRUCTURE, 1, 1, BadRequestError),
    (faults.HTML_INSTEAD, 1, 1, DecodeError),
    (faults.Respond(200), 1, 1, DecodeError),
    (faults.json_answer(200, []), 1, 1, DecodeError),
    (faults.json_answer(200, None), 1, 1, DecodeError),
    (faults.json_answer(200, "x"), 1, 1, DecodeError),
    (faults.Respond(200, b'{"a": NaN}'), 1, 1, DecodeError),
    (faults.REFUSED, 1, 1, ApiError),
    (faults.json_answer(404, {"message": "no such door"}), 1, 1, NotFoundError),
]


@pytest.mark.parametrize("answer", [dict, Window], ids=["dict", "model"])
@pytest.mark.parametrize(
    ("fault", "safe", "unsafe", "kind"), CELLS, ids=lambda cell: str(cell)[:40]
)
async def test_call_is_retried_like_every_other(
    fault: Any, safe: int, unsafe: int, kind: Any, answer: Any, fake, session, monkeypatch
) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.0)
    fake.faults = [attrs.evolve(fault, times=None)]
    for arguments, sent in (({"safe": True}, safe), ({"safe": False}, unsafe), ({}, unsafe)):
        fake.requests.clear()
        with pytest.raises(kind) as caught:
            await session.call(PATH, {"a": 1}, answer=answer, **arguments)
        assert len(fake.requests) == sent
        assert (caught.value.endpoint, caught.value.attempts) == (PATH, sent)
        may_be_applied = not arguments.get("safe") and kind in {
            DisconnectedError, ServerError, DecodeError,
        }  # fmt: skip
        assert caught.value.maybe_applied == may_be_applied


async def test_call_has_the_deadline_and_the_rate_of_the_session(fake, connect) -> None:
    async with connect(fake, timeout=0.05, rate=RateLimit(per_second=0.1, burst=1)) as session:
        await session.call(PATH)
        with pytest.raises(RhombusError) as caught:
            await session.call(PATH)
        assert caught.value.attempts == 0
    fake.faults = [faults.Silence(5)]
    async with connect(fake, timeout=0.05) as session:
        with pytest.raises(DeadlineExceededError):
            await session.call(PATH, safe=True)


async def test_warning_is_logged_and_kept(fake, session, caplog) -> None:
    fake.handlers[PATH] = {"warningMsg": "soon gone"}
    with caplog.at_level(logging.WARNING, "rhombus_clips"):
        assert await session.call(PATH) == {"warningMsg": "soon gone"}
    assert f"{PATH}: soon gone" in caplog.text


async def test_removed_endpoint_is_not_replaced(fake, session) -> None:
    """Its successor may have other parameters than the given body, and another answer."""
    path = "/api/event/getSplicedClipsInProgress"
    fake.gone = {path}
    assert await session.get_spliced_clips_in_progress() == []
    error = await _outcome(session.call(path, safe=True))
    assert error is not None
    assert (error.endpoint, error.attempts) == (path, 1)
