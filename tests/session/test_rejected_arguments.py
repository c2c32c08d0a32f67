"""Every parameter of the public API rejects unusable values before anything is sent."""

import inspect
import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from typing import Any, cast

import attrs
import pytest
from attrs import fields

from rhombus_clips import (
    ClipSession,
    ClipStatus,
    ConfigurationError,
    InvalidArgumentError,
    MediaTimeout,
    Model,
    Polling,
    RateLimit,
    RetryPolicy,
    SavedClip,
    Timeout,
    dumps,
    from_dict,
    loads,
)
from rhombus_clips.models import ClipAccessSettings
from tests.endpoint_calls import FILTERS, ONE, SPLICE_OPTIONS

SURROGATE, HUGE, NAN = "\ud800", 10**30, math.nan
NAIVE = datetime(2026, 1, 1)  # it must be rejected


async def _coroutine_function(*_: object) -> None: ...


# --- unusable values, by type ------------------------------------------------------------------

_WRONG_TYPES: list[Any] = [object(), b"x", NAN, HUGE, {1: 2}]
UUID: list[Any] = [*_WRONG_TYPES, None, "", " ", " a", "a\n", SURROGATE, NAIVE, ["a"]]
UUIDS: list[Any] = [object(), b"x", NAN, HUGE, "text", [None], [""], [1], [SURROGATE], [NAIVE]]
TIME: list[Any] = [object(), b"x", NAN, math.inf, 1.5, HUGE, -HUGE, True, "2026-01-01", NAIVE, []]
COUNT: list[Any] = [object(), b"x", "1", NAN, math.inf, 1.5, True, -1, -HUGE, NAIVE, SURROGATE]
DURATION: list[Any] = [
    object(), b"x", "1", NAN, math.inf, True, -1, timedelta(-1), HUGE, NAIVE, SURROGATE, [],
]  # fmt: skip
TEXT: list[Any] = [object(), b"x", 1, NAN, HUGE, SURROGATE, f"a{SURROGATE}", NAIVE, ["a"]]
FLAG: list[Any] = [object(), b"x", "true", 1, NAN, HUGE, NAIVE, SURROGATE]
FUNCTION: list[Any] = [object(), b"x", "print", 1, NAN, NAIVE, _coroutine_function]
OBJECT: list[Any] = [object(), b"x", "text", "", 1, NAN, HUGE, NAIVE, SURROGATE, {}, []]
JSON: list[Any] = [object(), b"x", NAN, HUGE, NAIVE, SURROGATE]
MAPPING: list[Any] = [*JSON, [], {"a": [NAN]}, {"a": [HUGE]}, {1: []}, {"a": [SURROGATE]}]
PATH: list[Any] = [object(), b"x", "", 1, NAN, NAIVE, "a\0b", "https://host/clip.mp4", "a\ud800b"]
CHOICE: list[Any] = [object(), b"x", "", "other", 1, NAN, NAIVE, SURROGATE, None, []]
INTERVALS: list[Any] = [
    object(), "x", 1, NAN, {}, {"": [(1, 5000)]}, {ONE: 1}, {ONE: [1]}, {ONE: []}, {1: [(1, 5000)]},
    {ONE: [(1, 2)]}, {ONE: [(NAIVE, 5000)]}, {ONE: [(1, HUGE)]}, {ONE: [(None, 5000)]},
    {ONE: [(1, 5000, 6000)]}, {ONE: [("a", "b")]}, {SURROGATE: [(1, 5000)]},
]  # fmt: skip
FLAGS_OF_PYTHON: list[Any] = [object(), b"x", "true", 1, NAN, None, NAIVE]

_NONE: list[Any] = [None]
_FILTERS: dict[str, list[Any]] = {
    "device_uuid_filters": UUIDS,
    "location_uuid_filters": UUIDS,
    "search_filter": TEXT,
    "filter_by_private": FLAG,
    "exclude_alert_monitoring_clips": FLAG,
    "sort_field": TEXT,
    "sort_order": [choice for choice in CHOICE if choice is not None],
    "timestamp_filter_field": TEXT,
    "timestamp_ms_after": TIME,
    "timestamp_ms_before": TIME,
    "no_such_filter": _NONE,
}
_OPTIONS: dict[str, list[Any]] = {
    "title": TEXT,
    "description": TEXT,
    "audio_included": FLAG,
    "save_to_console": FLAG,
    "send_to_shared_storage": FLAG,
    "send_to_user_storage": FLAG,
    "access_settings": OBJECT,
    "clip_visibility": [value for value in TEXT if value != ""],
    "altered_view_map": MAPPING,
    "integration_upload_map": MAPPING,
    "no_such_option": _NONE,
}
_PAGER: dict[str, list[Any]] = {
    "page_size": [*COUNT, 0, HUGE, None],
    "limit": [*COUNT],
    "on_decode_error": FUNCTION,
}
_TOKEN = [value for value in UUID if value is not None]

# The unusable values of each parameter, by method. ``**`` stands for the keyword options.
REJECTED: dict[str, dict[str, list[Any]]] = {
    "get_saved_clips": {"max_page_size": [*COUNT, 0, HUGE, None], "page_timestamp_ms": TIME},
    "get_saved_clips_v1": {},
    "get_clip_with_progress": {"clip_uuid": UUID},
    "get_clips_with_progress": {
        "page_size": [*COUNT, 0, 201, None], "page_token": _TOKEN, **_FILTERS,
    },
    "get_expiring_clips_for_org": {
        "page_size": [*COUNT, 0, 201, None], "page_token": _TOKEN, **_FILTERS,
    },
    "get_saved_clip_details": {"clip_uuid": UUID},
    "get_saved_clip_count": {
        "device_filter": UUIDS, "location_filter": UUIDS, "start_time_ms": TIME,
        "end_time_ms": TIME,
    },
    "get_saved_clips_by_external_transaction_id": {"external_transaction_id": UUID},
    "update_saved_clip": {
        "clip_uuid": UUID, "title": TEXT, "description": TEXT,
        "access_settings": [*OBJECT, None, ClipAccessSettings(allowed_users=[SURROGATE])],
    },
    "delete_saved_clip": {"clip_uuid": UUID},
    "save_policy_alert": {
        "alert_uuid": UUID, "title": TEXT, "description": TEXT,
        "fisheye_presentation_map": MAPPING,
    },
    "save_alert_clip": {
        "alert_uuid": UUID, "title": TEXT, "description": TEXT, "since": TIME,
        "timeout": [*DURATION, 0, None], "polling": [*OBJECT, None],
    },
    "get_shared_clip_groups": {"created_after": TIME, "created_before": TIME},
    "get_shared_clip_group_details": {"group_uuid": UUID},
    "create_shared_clip_group": {
        "clip_uuids": [*UUIDS, None], "alert_uuids": [*UUIDS, None], "title": TEXT,
        "plaintext_password": [*TEXT, ""], "expiration_time_secs": [*COUNT, 0, HUGE],
    },
    "update_shared_clip_group": {
        "group_uuid": UUID, "title": TEXT, "description": TEXT,
        "plaintext_password": [*TEXT, ""], "expiration_time_secs": [*COUNT, 0, HUGE],
    },
    "delete_shared_clip_group": {"group_uuid": UUID},
    "splice": {
        "device_uuids": [*UUIDS, [], None], "start": [*TIME, None],
        "duration": [*DURATION, 0, None], "device_interval_map": INTERVALS, **_OPTIONS,
    },
    "make_clip": {
        "device_uuids": [*UUIDS, [], None], "start": [*TIME, None],
        "duration": [*DURATION, 0, None], "device_interval_map": INTERVALS, **_OPTIONS,
        "timeout": [*DURATION, 0, None], "polling": [*OBJECT, None], "on_change": FUNCTION,
    },
    "cancel_splice": {
        "clip_uuid": UUID, "clip_uuid_list": [*UUIDS, None], "device_uuids": [*UUIDS, None],
    },
    "retry_splice": {"clip_uuid": UUID},
    "get_max_splice_duration": {},
    "get_spliced_clips_in_progress": {},
    "watch_clip": {
        "clip_uuid": UUID, "polling": [*OBJECT, None], "heartbeat": [*DURATION, 0],
    },
    "watch_clips": {
        "clip_uuids": [*UUIDS, None], "polling": [*OBJECT, None], "heartbeat": [*DURATION, 0],
    },
    "call": {
        "path": [*UUID, "getSavedClips", "https://host/api/a/b", "/api/../b"],
        "body": [object(), b"x", 1, NAN, "x", [], {"a": NAN}, {"a": SURROGATE}, {1: 2}],
        "answer": [1, "x", object()], "safe": [*FLAGS_OF_PYTHON],
    },
    "wait_for_clip": {
        "clip_uuid": UUID, "timeout": [*DURATION, 0, None], "polling": [*OBJECT, None],
    },
    "saved_clips": {
        "since": TIME, "until": TIME, "by": CHOICE, "overlap_ms": [*COUNT, 2, None], **_PAGER,
        "cursor": [*TIME, ""],
    },
    "clips_with_progress": {"cursor": _TOKEN, **_PAGER, **_FILTERS},
    "expiring_clips": {"cursor": _TOKEN, **_PAGER, **_FILTERS},
    "follow_saved_clips": {
        "since": TIME, "cursor": [*_TOKEN, "{}", "null"], "by": CHOICE, "heartbeat": [*DURATION, 0],
        "grace": [*DURATION, None],
        "interval": [*DURATION, None], "page_size": [*COUNT, 0, HUGE, None],
        "on_decode_error": FUNCTION,
    },
    "shared_clip_groups": {
        "created_after": TIME, "created_before": TIME, "window": [*DURATION, 0], "limit": COUNT,
        "cursor": [*_TOKEN, "{}", "null", 5],
    },
    "download_clip": {
        "clip": [*OBJECT, None], "path": [*PATH, None], "verify": FLAGS_OF_PYTHON,
        "progress": FUNCTION,
    },
    "download_thumbnail": {
        "clip": [*OBJECT, None], "path": [*PATH, None], "progress": FUNCTION,
    },
    "stream_clip": {
        "clip": [*OBJECT, None], "verify": FLAGS_OF_PYTHON, "start": [*COUNT, HUGE],
        "stop": [*COUNT, 0, HUGE], "if_ignored": [*CHOICE, None],
    },
    "stream_thumbnail": {"clip": [*OBJECT, None]},
    "download_clips": {
        "clips": [1, None, object(), NAN, NAIVE, [None], ["a"], [object()]],
        "folder": [*PATH, None], "concurrency": [*COUNT, 0, 65, None], "name": [*FUNCTION, None],
        "timeout": [*DURATION, 0], "polling": [*OBJECT, None], "verify": FLAGS_OF_PYTHON,
        "progress": FUNCTION, "on_end": FUNCTION,
    },
}  # fmt: skip
# Arguments that are accepted, for the other parameters.
ACCEPTED: dict[str, dict[str, Any]] = {
    "get_clip_with_progress": {"clip_uuid": ONE},
    "get_clips_with_progress": FILTERS,
    "get_expiring_clips_for_org": FILTERS,
    "get_saved_clip_details": {"clip_uuid": ONE},
    "get_saved_clips_by_external_transaction_id": {"external_transaction_id": "txn_1"},
    "update_saved_clip": {"clip_uuid": ONE, "title": "a"},
    "delete_saved_clip": {"clip_uuid": ONE},
    "save_policy_alert": {"alert_uuid": ONE},
    "save_alert_clip": {"alert_uuid": ONE},
    "get_shared_clip_group_details": {"group_uuid": ONE},
    "create_shared_clip_group": {"clip_uuids": [ONE]},
    "update_shared_clip_group": {"group_uuid": ONE, "title": "a"},
    "delete_shared_clip_group": {"group_uuid": ONE},
    "splice": {"device_uuids": [ONE], "start": 1, "duration": 5, **SPLICE_OPTIONS},
    "make_clip": {"device_uuids": [ONE], "start": 1, "duration": 5, **SPLICE_OPTIONS},
    "cancel_splice": {"clip_uuid": ONE},
    "retry_splice": {"clip_uuid": ONE},
    "watch_clip": {"clip_uuid": ONE},
    "watch_clips": {"clip_uuids": [ONE]},
    "wait_for_clip": {"clip_uuid": ONE, "timeout": 1},
    "shared_clip_groups": {"created_after": 1},
    "call": {"path": "/api/camera/getPresenceWindows"},
    "download_clip": {"clip": SavedClip(uuid=ONE), "path": "clip.mp4"},
    "download_thumbnail": {"clip": SavedClip(uuid=ONE), "path": "clip.jpeg"},
    "stream_clip": {"clip": SavedClip(uuid=ONE)},
    "stream_thumbnail": {"clip": SavedClip(uuid=ONE)},
    "download_clips": {"clips": [], "folder": "clips"},
}
_LIFETIME = {"aclose", "from_env", "for_web", "is_closed"}


def _public_methods() -> dict[str, Callable[..., Any]]:
    members = inspect.getmembers(ClipSession, inspect.isfunction)
    return {name: member for name, member in members if not name.startswith("_")}


def test_unusable_values_are_known_for_every_parameter() -> None:
    methods = _public_methods()
    assert REJECTED.keys() == methods.keys() - _LIFETIME
    for name, rejected in REJECTED.items():
        parameters = [*inspect.signature(methods[name]).parameters.values()][1:]
        for parameter in parameters:
            if parameter.kind is not inspect.Parameter.VAR_KEYWORD:
                assert parameter.name in rejected, (name, parameter.name)


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


async def _call(method: Callable[..., Any], arguments: dict[str, Any]) -> None:
    called = method(**arguments)
    if inspect.isawaitable(called):
        await called
    elif isinstance(called, AbstractAsyncContextManager):
        async with called:
            pass


@pytest.mark.parametrize(
    ("name", "parameter"),
    [(name, parameter) for name, rejected in REJECTED.items() for parameter in rejected],
)
async def test_unusable_argument_is_rejected_and_nothing_is_sent(
    name: str, parameter: str, fake, session
) -> None:
    for value in REJECTED[name][parameter]:
        arguments = {**ACCEPTED.get(name, {}), parameter: value}
        with pytest.raises(InvalidArgumentError) as caught:
            await _call(getattr(session, name), arguments)
        assert type(caught.value) is InvalidArgumentError
        assert caught.value.http_status == 400
        assert caught.value.public_message
    assert not fake.requests
    assert not fake.media_requests


@pytest.mark.parametrize("secret", [b"correct horse", ["correct horse"], 27182818284590])
@pytest.mark.parametrize("name", ["create_shared_clip_group", "update_shared_clip_group"])
async def test_rejected_password_is_not_quoted(name: str, secret: Any, session) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        await _call(getattr(session, name), {**ACCEPTED[name], "plaintext_password": secret})
    for word in ("horse", "27182818284590"):
        assert word not in f"{caught.value}{caught.value.public_message}"


@pytest.mark.parametrize(
    ("method", "rejected"),
    [
        ("collect", [*COUNT, None]),
        ("prefetched", [*COUNT, 0, None]),
        ("sharded", [*COUNT, 0, 65, None]),
    ],
)
async def test_pager_rejects_unusable_arguments(
    method: str, rejected: list[Any], fake, session
) -> None:
    for value in rejected:
        called = getattr(session.saved_clips(since=1), method)(value)
        with pytest.raises(InvalidArgumentError):
            await _call(lambda called=called: called, {})
    assert not fake.requests


@pytest.mark.parametrize("kind", [RetryPolicy, Timeout, RateLimit, Polling, MediaTimeout])
def test_value_object_rejects_unusable_arguments(kind: Any) -> None:
    for attribute in fields(kind):
        counts = attribute.name in {"attempts", "burst"}
        rejected = [*COUNT, 0] if counts else [object(), "1", NAN, math.inf, True, None, -1, NAIVE]
        for value in rejected:
            with pytest.raises(InvalidArgumentError, match=attribute.name):
                kind(**{attribute.name: value})


async def test_unknown_keyword_of_an_ordinary_signature_is_a_type_error(session) -> None:
    with pytest.raises(TypeError) as caught:
        session.saved_clips(no_such_argument=1)
    assert not isinstance(caught.value, InvalidArgumentError)


# --- settings, and the codec -------------------------------------------------------------------

_ANYTHING: list[Any] = [
    object(), b"x", 0, -1, 1.5, NAN, HUGE, SURROGATE, "a\n", " ", [], [1], {}, {1: 2}, NAIVE,
]  # fmt: skip
_ACCEPTED_SETTINGS: dict[str, list[Any]] = {"timeout": [1.5], "max_response_bytes": [HUGE]}


@pytest.mark.parametrize("name", inspect.signature(ClipSession).parameters)
def test_session_rejects_unusable_settings(name: str) -> None:
    for value in _ANYTHING:
        if value in _ACCEPTED_SETTINGS.get(name, []):
            continue
        for make in (ClipSession, ClipSession.for_web, ClipSession.from_env):
            settings: dict[str, Any] = {"api_key": "k" * 22, name: value}
            with pytest.raises(ConfigurationError) as caught:
                make(**settings)
            assert (caught.value.http_status, "k" * 22 in str(caught.value)) == (500, False)


def test_codec_rejects_values_of_other_types() -> None:
    for value in (object(), 1, NAN, None, True, NAIVE):
        with pytest.raises(InvalidArgumentError, match="value must be a model"):
            dumps(cast("Any", value))
        with pytest.raises(InvalidArgumentError, match="data must be bytes or a string"):
            loads(cast("Any", value), SavedClip)
    kinds: list[Any] = [
        object(), 1, NAN, "SavedClip", NAIVE, None, int, str, object, list, dict, set, Any,
        SavedClip(), [SavedClip], (SavedClip, int), SavedClip | None, ClipStatus,
        list[int], list[Any], list[list[SavedClip]], list[SavedClip | None], set[SavedClip],
        tuple[SavedClip], tuple[SavedClip, ...], dict[str, SavedClip], type("Plain", (), {}),
    ]  # fmt: skip
    for kind in kinds:
        with pytest.raises(InvalidArgumentError, match="kind must be a model"):
            loads(b"{}", cast("Any", kind))
        with pytest.raises(InvalidArgumentError, match="kind must be a model"):
            from_dict({}, cast("Any", kind))
    words = {"words": attrs.field(default=(), type=set[str])}
    bad_field: Any = attrs.make_class("BadField", words, (Model,))
    for kind in (bad_field, list[bad_field]):
        with pytest.raises(InvalidArgumentError, match=r"kind cannot be decoded: BadField\.words"):
            loads(b"{}", cast("Any", kind))
    with pytest.raises(InvalidArgumentError, match="cannot be written as JSON"):
        dumps(SavedClip(extra={"a": NAN}))
