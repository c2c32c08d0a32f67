"""Errors that report a missing item, and errors that only look like it."""

import pytest

from rhombus_clips import ApiError, DecodeError, NotFoundError, RhombusError, StatusError
from rhombus_clips.calls.absence import absence_or_same, reports_absence
from rhombus_clips.calls.envelope import Reply, status_error
from rhombus_clips.errors import ServerError
from rhombus_clips.models.shared_clip import ClipReference

CLIP, OTHER = "A" * 22, "NO_SUCH_CLIP_IN_BUCKET"


@pytest.mark.parametrize(
    ("message", "is_absent"),
    [
        ("clip not found", True),
        ("Not found.", True),
        ("CLIP_NOT_FOUND", True),
        ("clipNotFound", True),
        ("No such event", True),
        (f"{CLIP} does not exist", True),
        (OTHER, True),
        ("The video couldn't be found", True),
        ("saved clip was deleted", True),
        ("internal failure", False),
        ("rate exceeded", False),
        ("permission denied for this clip", False),
        ("role not found", False),
        ("user not found for clip", False),
        ("region not found", False),
        ("group not found", False),
        ("clip is being processed", False),
        ("", False),
    ],
)
def test_only_a_message_about_a_missing_clip_is_an_absence(
    message: str, *, is_absent: bool
) -> None:
    assert reports_absence(message, "clip", [CLIP]) == is_absent
    error = absence_or_same(ApiError("refused", error_msg=message), "clip", {"clip_uuid": CLIP})
    assert isinstance(error, NotFoundError) == is_absent


@pytest.mark.parametrize(
    ("item", "message"), [("shared clip group", "group not found"), ("alert", "No such alert")]
)
def test_other_items_have_other_names(item: str, message: str) -> None:
    assert reports_absence(message, item, [])
    assert not reports_absence(message, "clip", [])


@pytest.mark.parametrize("item", ["clip", None])
@pytest.mark.parametrize(
    "error",
    [
        ServerError("not found", status=500),
        DecodeError("clip not found"),
        ApiError("no reason"),
        ApiError("refused", error_msg="role not found"),
        StatusError("HTTP 409: clip not found", status=409, message="clip not found"),
    ],
)
def test_other_errors_stay_the_same(error: RhombusError, item: str | None) -> None:
    assert absence_or_same(error, item, {}) is error


def test_uuids_of_all_parameters_are_known() -> None:
    parameters = {
        "title": "role",
        "clip_uuid": None,
        "clip_uuid_list": ["B" * 22],
        "uuids": [ClipReference(event_uuid=CLIP), ClipReference(alert_uuid="C" * 22)],
    }
    for uuid in (CLIP, "B" * 22, "C" * 22):
        refusal = ApiError("refused", error_msg=f"{uuid} not found")
        assert isinstance(absence_or_same(refusal, "clip", parameters), NotFoundError)
    refusal = ApiError("refused", error_msg="role not found")
    assert absence_or_same(refusal, "clip", parameters) is refusal


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize(
    ("body", "is_path"),
    [
        (b"", False),
        (b'{"msg": "Resource not found"}', False),
        (b'{"status": 404, "error": "Not Found"}', False),
        (b"clip not found", False),
        (b"<html><body>404 Not Found</body></html>", True),
        (b"\n<!DOCTYPE html>", True),
        (b"404 page not found", True),
        (b"Cannot POST /v1/api/event/getClipWithProgress", True),
        (b'{"error": "The requested URL was not found on the server."}', True),
        (b'{"message": "no route matches"}', True),
        (b'{"msg": "path does not exist"}', True),
    ],
)
def test_404_of_a_wrong_path_is_not_a_missing_item(
    status: int, body: bytes, *, is_path: bool
) -> None:
    received = status_error(Reply(status, body))
    error = absence_or_same(received, "clip", {})
    assert isinstance(error, StatusError)
    assert isinstance(error, NotFoundError) != is_path
    assert ("check base_url" in str(error)) == is_path
    assert (error.status, error.body_excerpt) == (status, body.decode())
    # A listing cannot be missing.
    assert not isinstance(absence_or_same(received, None, {}), NotFoundError)
