"""Signed URLs may expire during a download, and errors name the host that rejects them."""

import logging

import pytest

from rhombus_clips import NotFoundError, PermissionDeniedError, StatusError
from rhombus_clips.testing import Media, faults
from tests.media.downloading.downloads import DATA, HALF, SOURCE, ranges_of, the_clip

SIGNED = f"/0{SOURCE}"


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_download_continues_with_another_signed_url(status, fake, session, path) -> None:
    fake.media = Media(redirects=1)
    fake.media_faults = [
        faults.Disconnect(after_body_bytes=HALF, path=SIGNED),
        faults.Respond(status, path=SIGNED, times=2),
    ]
    file = await session.download_clip(await the_clip(session), path)
    assert path.read_bytes() == DATA
    assert file.requests == 4
    assert ranges_of(fake)[::2] == [None, *[f"bytes={HALF}-"] * 3]
    assert fake.media_requests[-1].header("If-Range") is not None


@pytest.mark.parametrize("status", [401, 403, 404, 410, 429, 503, 300])
async def test_error_names_the_host_and_omits_the_signature(
    status, fake, session, path, caplog
) -> None:
    """An `AuthenticationError` would concern the key, which that host never received."""
    caplog.set_level(logging.DEBUG)
    fake.media = Media(redirects=1)
    body = b"<Error><StringToSign>signature=%7Ev1 expires=1800000000</StringToSign></Error>"
    headers = {"Location": "https://x.example/?signature=%7Ev1", "Retry-After": "0"}
    fake.media_faults = [faults.Respond(status, body, headers=headers, path=SIGNED, times=None)]
    with pytest.raises(StatusError) as caught:
        await session.download_clip(await the_clip(session), path)
    error = caught.value
    assert error.status == status
    assert error.attempts == (1 if status == 300 else 5)
    assert fake.storage_url.partition("//")[2] in str(error)
    assert type(error).__name__ != "AuthenticationError"
    shown = repr((str(error), error.args, vars(error), caplog.text))
    assert not [word for word in ("signature=", "%7E", "1800000000") if word in shown]


@pytest.mark.parametrize(("status", "kind"), [(403, PermissionDeniedError), (404, NotFoundError)])
async def test_error_of_the_media_host_itself_is_final(status, kind, fake, session, path) -> None:
    fake.media = Media(redirects=1)
    fake.media_faults = [faults.Respond(status, b"not yours", path=SOURCE, times=None)]
    with pytest.raises(kind, match="not yours") as caught:
        await session.download_clip(await the_clip(session), path)
    assert caught.value.attempts == 1
    assert fake.media_url.partition("//")[2] in str(caught.value)
