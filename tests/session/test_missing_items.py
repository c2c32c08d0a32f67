"""One class covers "no such clip or group", however the service reports it."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from attrs import evolve

from rhombus_clips import (
    ApiError,
    ClipSession,
    NotFoundError,
    Polling,
    RetryPolicy,
    SavedClip,
    StatusError,
)
from rhombus_clips.models import MetaDataLocation
from rhombus_clips.testing import UnknownClip, faults
from rhombus_clips.testing.faults import json_answer

MISSING = "Z" * 22
IMPATIENT = Polling(interval=0, appears_within=0)
FILE = SavedClip(uuid=MISSING, clip_location=MetaDataLocation(region="us-west-2"))


async def _watch(session: ClipSession) -> None:
    async for _ in session.watch_clip(MISSING, polling=IMPATIENT):
        pass


async def _watch_several(session: ClipSession) -> None:
    async for _ in session.watch_clips([MISSING], polling=IMPATIENT):
        pass


async def _stream(session: ClipSession) -> None:
    async with session.stream_clip(FILE):
        pass


async def _stream_thumbnail(session: ClipSession) -> None:
    async with session.stream_thumbnail(FILE):
        pass


OF_ONE_ITEM: dict[str, Callable[[ClipSession], Awaitable[Any]]] = {
    "get_clip_with_progress": lambda session: session.get_clip_with_progress(MISSING),
    "get_saved_clip_details": lambda session: session.get_saved_clip_details(MISSING),
    "update_saved_clip": lambda session: session.update_saved_clip(MISSING, title="a"),
    "delete_saved_clip": lambda session: session.delete_saved_clip(MISSING),
    "cancel_splice": lambda session: session.cancel_splice(MISSING),
    "retry_splice": lambda session: session.retry_splice(MISSING),
    "get_shared_clip_group_details": lambda session: session.get_shared_clip_group_details(MISSING),
    "create_shared_clip_group": lambda session: session.create_shared_clip_group([MISSING]),
    "update_shared_clip_group": lambda session: session.update_shared_clip_group(
        MISSING, title="a", plaintext_password=None
    ),
    "delete_shared_clip_group": lambda session: session.delete_shared_clip_group(MISSING),
    "watch_clip": _watch,
    "watch_clips": _watch_several,
    "wait_for_clip": lambda session: session.wait_for_clip(MISSING, timeout=5, polling=IMPATIENT),
    "download_clip": lambda session: session.download_clip(FILE, "clip.mp4"),
    "download_thumbnail": lambda session: session.download_thumbnail(FILE, "clip.jpeg"),
    "stream_clip": _stream,
    "stream_thumbnail": _stream_thumbnail,
}
REPORTS: dict[str, dict[str, Any]] = {
    "404": {"status": 404, "payload": {"msg": "Resource not found"}},
    "410": {"status": 410, "payload": {}},
    "in-band": {"status": 200, "payload": {"error": True, "errorMsg": f"{MISSING} not found"}},
}
_OF_MEDIA = {"download_clip", "download_thumbnail", "stream_clip", "stream_thumbnail"}


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("unknown", UnknownClip)
@pytest.mark.parametrize("name", OF_ONE_ITEM)
async def test_missing_item_is_not_found(name: str, unknown: UnknownClip, fake, session) -> None:
    fake.unknown_clip = unknown
    with pytest.raises(NotFoundError) as caught:
        await OF_ONE_ITEM[name](session)
    assert caught.value.http_status == 404
    assert caught.value.status in {200, 404}
    assert not caught.value.maybe_applied
    assert MISSING not in caught.value.public_message


@pytest.mark.parametrize("report", REPORTS)
@pytest.mark.parametrize("name", sorted(OF_ONE_ITEM.keys() - _OF_MEDIA))
async def test_each_way_of_reporting_it_is_recognized(
    name: str, report: str, fake, session
) -> None:
    answer = REPORTS[report]
    fake.faults = [evolve(json_answer(answer["status"], answer["payload"]), times=None)]
    with pytest.raises(NotFoundError) as caught:
        await OF_ONE_ITEM[name](session)
    assert caught.value.status == answer["status"]
    assert caught.value.endpoint == fake.requests[-1].path


@pytest.mark.parametrize("name", sorted(OF_ONE_ITEM.keys() - _OF_MEDIA))
async def test_wrong_base_url_is_not_a_missing_item(name: str, fake, connect) -> None:
    fake.faults = [evolve(faults.Respond(404, b"<html>Not Found</html>"), times=None)]
    async with connect(fake, retry=RetryPolicy(attempts=1)) as session:
        with pytest.raises(StatusError, match="check base_url") as caught:
            await OF_ONE_ITEM[name](session)
    assert not isinstance(caught.value, NotFoundError)
    assert caught.value.http_status == 502


@pytest.mark.parametrize("answer", [404, 410, "clip not found"])
async def test_listing_is_never_missing(answer: Any, fake, session) -> None:
    refusal = {"error": True, "errorMsg": answer}
    respond = json_answer(200, refusal) if isinstance(answer, str) else faults.Respond(answer)
    fake.faults = [evolve(respond, times=None)]
    for listing in (session.saved_clips(), session.clips_with_progress()):
        with pytest.raises((StatusError, ApiError)) as caught:
            await listing.collect(1)
        assert not isinstance(caught.value, NotFoundError)
        assert caught.value.http_status == 502


async def test_refusal_about_something_else_is_not_a_missing_item(fake, session) -> None:
    refusal = json_answer(200, {"error": True, "errorMsg": "role not found"})
    fake.faults = [evolve(refusal, times=None)]
    with pytest.raises(ApiError):
        await session.delete_saved_clip(MISSING)
