"""Endpoints that FakeRhombus gets through `handlers`, and the footage of cameras."""

import asyncio
import itertools
import logging
import re
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from rhombus_clips import InvalidArgumentError, RateLimit, SavedClip, SavedClipPage, to_dict
from rhombus_clips.testing import FakeRhombus, ReceivedRequest, faults
from tests.testing.fake_calls import UNKNOWN, call, post

PATH = "/api/door/getDoors"
REUSED = web.json_response({"a": 1}, status=201, headers={"x-test": "y"})


class Doors:
    """A handler that keeps state."""

    def __init__(self) -> None:
        self.calls = 0

    async def __call__(self, request: ReceivedRequest) -> dict[str, Any]:
        await asyncio.sleep(0)
        self.calls += 1
        return {"calls": self.calls, "sent": request.json, "agent": request.header("User-Agent")}


async def later(request: ReceivedRequest) -> SavedClip:
    return SavedClip(uuid="a", timestamp_ms=5)


@pytest.mark.parametrize(
    ("handler", "status", "answer"),
    [
        ({}, 200, {}),
        ({"doors": [1, None], "error": True}, 200, {"doors": [1, None], "error": True}),
        ((202, {"a": "ü"}), 202, {"a": "ü"}),
        ((404, {}), 404, {}),
        (SavedClipPage(error=False), 200, {"error": False, "savedClips": []}),
        (faults.json_answer(409, {"b": 2}), 409, {"b": 2}),
        (REUSED, 201, {"a": 1}),
        (web.Response(status=204), 204, None),
        (lambda request: {"path": request.path}, 200, {"path": PATH}),
        (lambda request: (418, request.json), 418, {"x": 1}),
        (lambda request: REUSED, 201, {"a": 1}),
        (lambda request: web.json_response({"c": 3}), 200, {"c": 3}),
        (later, 200, {"uuid": "a", "timestampMs": 5}),
    ],
)
async def test_handler_is_a_response_or_a_function_that_returns_one(
    handler: Any, status: int, answer: Any
) -> None:
    async with FakeRhombus(3, handlers={PATH: handler}) as fake:
        for _ in range(2):
            assert await post(fake, "door/getDoors", x=1) == (status, answer)


async def test_handler_may_keep_state_and_be_changed_at_any_time() -> None:
    async with FakeRhombus(3, handlers={PATH: Doors()}) as fake:
        for number in (1, 2):
            _, answer = await post(fake, "door/getDoors", number=number)
            assert (answer["calls"], answer["sent"]) == (number, {"number": number})
            assert "aiohttp" in answer["agent"]
        fake.handlers["/api/door/open"] = {"opened": True}
        assert await post(fake, "door/open") == (200, {"opened": True})
        fake.handlers = {}
        assert (await post(fake, "door/open"))[0] == 404
        assert [request.path for request in fake.requests] == [PATH] * 2 + ["/api/door/open"] * 2


async def test_handler_overrides_an_existing_endpoint_until_it_is_removed(fake) -> None:
    fake.handlers["/api/event/getSavedClipsV2"] = {"savedClips": [{"uuid": "x"}]}
    assert await post(fake, "event/getSavedClipsV2") == (200, {"savedClips": [{"uuid": "x"}]})
    del fake.handlers["/api/event/getSavedClipsV2"]
    assert len((await call(fake, "event/getSavedClipsV2"))["savedClips"]) == 100


async def test_handler_may_read_the_state_of_the_fake(fake) -> None:
    def newest(request: ReceivedRequest) -> dict[str, Any]:
        return {"clip": fake.clips[0]}

    fake.handlers[PATH] = newest
    assert await post(fake, "door/getDoors") == (200, {"clip": fake.clips[0]})


# --- what applies to every endpoint --------------------------------------------------------------


async def test_credentials_method_and_body_are_checked_before_the_handler_is_called() -> None:
    doors = Doors()
    async with FakeRhombus(3, handlers={PATH: doors}) as fake, aiohttp.ClientSession() as http:
        url = fake.url + PATH
        headers = {"x-auth-scheme": "api-token", "x-auth-apikey": fake.api_key}
        for given, body, status in [
            ({}, b"{}", 401),
            ({**headers, "x-auth-apikey": "wrong"}, b"{}", 403),
            (headers, b"[]", 400),
            (headers, b"no JSON", 400),
        ]:
            async with http.post(url, data=body, headers=given) as response:
                assert response.status == status
        async with http.get(url, headers=headers) as response:
            assert response.status == 405
        assert doors.calls == 0
        async with http.post(url, headers=headers) as response:
            assert (await response.json())["sent"] == {}


async def test_faults_rate_and_removal_apply_to_handlers() -> None:
    rate = RateLimit(per_second=0.001, burst=2)
    async with FakeRhombus(3, handlers={PATH: {"a": 1}}, rate=rate) as fake:
        fake.faults = [faults.BAD_GATEWAY, faults.Altered({"b": 2}, path=PATH)]
        async with aiohttp.ClientSession() as http, http.post(fake.url + PATH) as response:
            assert response.status == 502
        assert await post(fake, "door/getDoors") == (200, {"a": 1, "b": 2})
        fake.gone = {PATH}
        assert (await post(fake, "door/getDoors"))[0] == 410
        async with aiohttp.ClientSession() as http, http.post(fake.url + PATH) as response:
            assert response.status == 429


# --- mistakes in handlers ------------------------------------------------------------------------


def fails(request: ReceivedRequest) -> Any:
    raise KeyError("door")


async def fails_later(request: ReceivedRequest) -> Any:
    await asyncio.sleep(0)
    raise KeyError("door")


@pytest.mark.parametrize(
    ("handler", "words"),
    [
        (fails, "raised KeyError: 'door'"),
        (fails_later, "raised KeyError: 'door'"),
        (lambda request: request.json["missing"], "raised KeyError: 'missing'"),
        (dict.fromkeys, "raised TypeError"),
        (lambda request: None, "must return a dict, .* not None"),
        (lambda request: [1], r"must return a dict, .* not \[1\]"),
        (lambda request: (200, "x"), "must return a dict, .* not 'x'"),
        (lambda request: {"a": object()}, "raised TypeError"),
        (lambda request: dict, "must return a dict"),
    ],
)
async def test_mistake_in_a_handler_is_a_500_that_names_it(handler, words, caplog) -> None:
    with caplog.at_level(logging.ERROR, "rhombus_clips.testing"):
        async with FakeRhombus(3, handlers={PATH: handler}) as fake:
            status, answer = await post(fake, "door/getDoors")
    assert (status, answer["error"]) == (500, True)
    assert re.search(f"^the handler of {PATH} .*{words}", answer["errorMsg"])
    (record,) = caplog.records
    assert PATH in record.getMessage()
    assert record.exc_info is not None


@pytest.mark.parametrize(
    ("handlers", "words"),
    [
        ({"camera/getMediaUris": {}}, "each path of handlers must be /api"),
        ({"/camera/getMediaUris": {}}, "each path of handlers must be /api"),
        ({5: {}}, "each path of handlers must be a string"),
        ({PATH: None}, "must return a dict"),
        ({PATH: [1]}, "must return a dict"),
        ({PATH: {"a": object()}}, "not JSON serializable"),
        ([PATH], "handlers must be a dict"),
    ],
)
def test_wrong_handlers_are_rejected(handlers: Any, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        FakeRhombus(3, handlers=handlers)
    with pytest.raises(InvalidArgumentError, match=words):
        FakeRhombus(3).handlers = handlers


# --- footage -------------------------------------------------------------------------------------

DAY = 24 * 60 * 60


async def windows(fake: FakeRhombus, camera: Any, start: int, duration: int) -> Any:
    answer = await call(
        fake, "camera/getPresenceWindows", cameraUuid=camera, startTimeSec=start,
        durationSec=duration,
    )  # fmt: skip
    found = answer["presenceWindows"]
    assert set(found) == {"VideoCloud", "VideoLocal"}
    for listed in found.values():
        spans = [(w["startSeconds"], w["startSeconds"] + w["durationSeconds"]) for w in listed]
        assert spans == sorted(spans)
        assert all(start <= first < last <= start + duration for first, last in spans)
        assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))
    return found


async def test_every_clip_has_footage(fake) -> None:
    for clip in fake.clips[:20]:
        start, length = clip["timestampMs"] // 1000, clip.get("durationSec") or 1
        for camera in {clip["deviceUuid"], clip["deviceUuid"].partition(".")[0]}:
            found = await windows(fake, camera, start, length)
            assert found["VideoCloud"] == [{"startSeconds": start, "durationSeconds": length}]


async def test_footage_has_outages_and_is_the_same_in_every_request(fake, clock) -> None:
    camera = fake.clips[0]["deviceUuid"]
    start = int(clock.now) - 60 * DAY
    found = (await windows(fake, camera, start, 61 * DAY))["VideoCloud"]
    recorded = sum(window["durationSeconds"] for window in found)
    assert 10 < len(found) < 40
    assert 0.95 < recorded / (60 * DAY) < 1
    assert (await windows(fake, camera, start, 61 * DAY))["VideoCloud"] == found
    gap = found[0]["startSeconds"] + found[0]["durationSeconds"]
    assert (await windows(fake, camera, gap, 1))["VideoCloud"] == []
    assert (await windows(fake, camera, gap - 1, 1))["VideoCloud"] != []


async def test_footage_stays_on_the_camera_for_30_days_and_ends_now(fake, clock) -> None:
    found = await windows(fake, fake.clips[0]["deviceUuid"], int(clock.now) - 60 * DAY, 61 * DAY)
    for listed in found.values():
        assert listed[-1]["startSeconds"] + listed[-1]["durationSeconds"] == clock.now - 60
    assert found["VideoLocal"][0]["startSeconds"] == clock.now - 30 * DAY


async def test_unknown_camera_and_the_time_before_its_first_clip_have_no_footage(fake) -> None:
    nothing: Any = {"VideoCloud": [], "VideoLocal": []}
    assert await windows(fake, UNKNOWN, 1_759_000_000, DAY) == nothing
    assert await windows(fake, fake.clips[0]["deviceUuid"], 0, DAY) == nothing
    assert await windows(fake, fake.clips[0]["deviceUuid"], 1_759_000_000, 0) == nothing
    assert await windows(fake, fake.clips[0]["deviceUuid"], 2**62, 5) == nothing


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"cameraUuid": "a"},
        {"cameraUuid": "a", "startTimeSec": 1},
        {"cameraUuid": "a", "startTimeSec": 1, "durationSec": -1},
        {"cameraUuid": "a", "startTimeSec": "1", "durationSec": 1},
        {"cameraUuid": "", "startTimeSec": 1, "durationSec": 1},
        {"cameraUuid": 5, "startTimeSec": 1, "durationSec": 1},
    ],
)
async def test_wrong_parameters_are_rejected(parameters, fake) -> None:
    assert (await post(fake, "camera/getPresenceWindows", **parameters))[0] == 400


async def test_clips_without_times_or_devices_have_no_effect() -> None:
    clips: list[Any] = [
        SavedClip(uuid="a", device_uuid="d"),
        {"uuid": "b", "deviceUuids": None},
        to_dict(SavedClip(uuid="c", timestamp_ms=5, device_uuids=["d.v0", None])),
    ]
    async with FakeRhombus(clips) as fake:
        assert (await windows(fake, "d", 0, DAY))["VideoCloud"]
