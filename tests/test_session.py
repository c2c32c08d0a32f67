"""The session: its settings, its lifetime, its four endpoints."""

import asyncio
import logging
import pickle
import traceback

import aiohttp
import pytest

from rhombus_clips import (
    ApiError,
    AuthenticationError,
    AuthScheme,
    ClipNotFoundError,
    ClipSession,
    ClipStatus,
    ConfigurationError,
    ConnectError,
    DecodeError,
    DisconnectedError,
    NotFoundError,
    PermissionDeniedError,
    RetryPolicy,
    RhombusError,
    SessionClosedError,
    StatusError,
    Timeout,
)
from rhombus_clips.testing import FakeRhombus, UnknownClip, faults

KEY = "k3y-that-must-not-leave"


# --- endpoints ---------------------------------------------------------------------------------


async def test_page_of_saved_clips(fake, session) -> None:
    page = await session.get_saved_clips(max_page_size=10)
    assert len(page.saved_clips) == 10
    assert page.last_evaluated_timestamp_ms == page.saved_clips[-1].timestamp_ms
    following = await session.get_saved_clips(
        max_page_size=10, page_timestamp_ms=page.last_evaluated_timestamp_ms
    )
    assert following.saved_clips[0] not in page.saved_clips
    assert fake.requests[0].json == {"maxPageSize": 10}
    assert fake.requests[1].json["pageTimestampMs"] == page.last_evaluated_timestamp_ms


async def test_page_may_begin_at_a_datetime(fake, session) -> None:
    page = await session.get_saved_clips()
    moment = page.saved_clips[3].recorded_at
    later = await session.get_saved_clips(page_timestamp_ms=moment)
    assert fake.requests[-1].json["pageTimestampMs"] == page.saved_clips[3].timestamp_ms
    assert later.saved_clips


async def test_clip_with_progress(fake, session) -> None:
    clip_uuid = fake.start_render(seconds=0)
    clip = await session.get_clip_with_progress(clip_uuid)
    assert clip.uuid == clip_uuid
    assert clip.status == ClipStatus.COMPLETE
    assert clip.percent_complete == 100


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (UnknownClip.NULL, ClipNotFoundError),
        (UnknownClip.REFUSED, ApiError),
        (UnknownClip.NOT_FOUND, NotFoundError),
    ],
)
async def test_unknown_clip_raises_whatever_the_service_answers(connect, answer, error) -> None:
    async with FakeRhombus(1, unknown_clip=answer) as fake, connect(fake) as session:
        with pytest.raises(error) as caught:
            await session.get_clip_with_progress("A" * 22)
    assert caught.value.endpoint == "/api/event/getClipWithProgress"
    assert len(fake.requests) == caught.value.attempts == 1


async def test_shared_clip_groups_of_the_bounds_as_given(fake, session) -> None:
    groups = await session.get_shared_clip_groups()
    assert len(groups) == 20
    assert fake.requests[-1].json == {}
    await session.get_shared_clip_groups(created_after=5, created_before=9)
    assert fake.requests[-1].json == {"createdAfterMs": 5, "createdBeforeMs": 9}


async def test_spliced_clips_in_progress(fake, session) -> None:
    assert await session.get_spliced_clips_in_progress() == []
    clip_uuid = fake.start_render(seconds=60)
    (clip,) = await session.get_spliced_clips_in_progress()
    assert clip.clip_uuid == clip_uuid
    assert fake.requests[-1].path == "/api/event/getSplicedClipsInProgress"


@pytest.mark.parametrize("status", [404, 410])
async def test_deprecated_endpoint_that_is_gone_is_replaced_for_the_session(
    fake, session, status
) -> None:
    deprecated = "/api/event/getSplicedClipsInProgress"
    fake.faults = [faults.Respond(status, path=deprecated, times=None)]
    fake.start_render(seconds=60)
    for _ in range(3):
        assert len(await session.get_spliced_clips_in_progress()) == 1
    paths = [request.path for request in fake.requests]
    assert paths == [deprecated, *["/api/video/getSplicedClipsInProgress"] * 3]


async def test_replacement_that_is_not_there_either_is_not_kept(fake, session) -> None:
    """A 404 for both says that the address is wrong, not that an endpoint is gone."""
    fake.faults = [faults.Respond(404, times=2)]
    with pytest.raises(NotFoundError) as caught:
        await session.get_spliced_clips_in_progress()
    assert caught.value.attempts == 2
    assert await session.get_spliced_clips_in_progress() == []
    assert fake.requests[-1].path == "/api/event/getSplicedClipsInProgress"


async def test_endpoint_without_replacement_that_is_gone_raises(connect) -> None:
    async with (
        FakeRhombus(1, gone=["/api/event/getSavedClipsV2"]) as fake,
        connect(fake) as session,
    ):
        with pytest.raises(StatusError) as caught:
            await session.get_saved_clips()
    assert caught.value.status == 410


async def test_warning_of_an_answer_reaches_log_and_result(connect, caplog) -> None:
    async with FakeRhombus(1, warning_msg="part of it") as fake, connect(fake) as session:
        page = await session.get_saved_clips()
    assert page.warning_msg == "part of it"
    assert [record.levelname for record in caplog.records if "part of it" in record.message] == [
        "WARNING"
    ]


async def test_failure_within_an_answer_is_not_sent_again(fake, session) -> None:
    fake.faults = [faults.REFUSED, faults.REFUSED_WITHOUT_REASON]
    with pytest.raises(ApiError, match="that plate is already saved"):
        await session.get_saved_clips()
    with pytest.raises(ApiError, match="gave no reason"):
        await session.get_saved_clips()
    assert len(fake.requests) == 2


async def test_html_in_place_of_json_is_a_decode_error(fake, session) -> None:
    fake.faults = [faults.HTML_INSTEAD, faults.Respond(200)]
    with pytest.raises(DecodeError, match="Sign in"):
        await session.get_saved_clips()
    with pytest.raises(DecodeError, match="an empty body") as caught:
        await session.get_saved_clips()
    assert caught.value.endpoint == "/api/event/getSavedClipsV2"
    assert caught.value.attempts == 1


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "5", None])
async def test_bad_page_size_is_refused_before_anything_is_sent(fake, session, size) -> None:
    with pytest.raises((TypeError, ValueError), match="max_page_size"):
        await session.get_saved_clips(max_page_size=size)
    assert fake.requests == []


@pytest.mark.parametrize("clip_uuid", ["", None, 5])
async def test_bad_clip_uuid_is_refused_before_anything_is_sent(fake, session, clip_uuid) -> None:
    with pytest.raises(ValueError, match="clip_uuid"):
        await session.get_clip_with_progress(clip_uuid)
    assert fake.requests == []


# --- authentication ----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", AuthScheme)
async def test_every_scheme_is_sent_as_it_is_called(scheme) -> None:
    org_uuid = "B" * 22 if scheme.startswith("partner") else None
    async with (
        FakeRhombus(1, auth_scheme=scheme, org_uuid=org_uuid) as fake,
        ClipSession(
            fake.api_key, auth_scheme=str(scheme), org_uuid=org_uuid, base_url=fake.url
        ) as session,
    ):
        assert (await session.get_saved_clips()).saved_clips
        headers = fake.requests[0].headers
    assert headers["x-auth-scheme"] == scheme
    assert headers["x-auth-apikey"] == fake.api_key
    assert headers.get("x-auth-org") == org_uuid


async def test_wrong_key_names_the_likely_causes(fake) -> None:
    async with ClipSession(KEY, base_url=fake.url) as session:
        with pytest.raises(PermissionDeniedError, match="US or EU base_url"):
            await session.get_saved_clips()


async def test_key_of_another_scheme_is_denied(fake) -> None:
    fake.faults = [faults.UNAUTHENTICATED]
    async with ClipSession(fake.api_key, base_url=fake.url) as session:
        with pytest.raises(AuthenticationError, match="auth scheme"):
            await session.get_saved_clips()


async def test_user_agent_names_the_library_behind_the_caller(fake) -> None:
    async with ClipSession(fake.api_key, base_url=fake.url, user_agent="shop/2") as session:
        await session.get_saved_clips()
    agent = fake.requests[0].headers["User-Agent"]
    assert agent.startswith("shop/2 rhombus_clips/")


# --- settings ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        {"api_key": ""},
        {"api_key": f"{KEY}\n"},
        {"api_key": f" {KEY}"},
        {"api_key": f"{KEY}\r\nx-evil: 1"},
        {"api_key": f"{KEY}é"},
        {"api_key": None},
        {"org_uuid": "a\nb"},
        {"org_uuid": ""},
        {"user_agent": "a\rb"},
        {"auth_scheme": "web2"},
        {"base_url": "http://api2.rhombussystems.com"},
        {"base_url": "api2.rhombussystems.com"},
        {"base_url": "ftp://api2.rhombussystems.com"},
        {"base_url": "https://user:pass@api2.rhombussystems.com"},
        {"base_url": "https://api2.rhombussystems.com?x=1"},
        {"base_url": "https://api2.rhombussystems.com/api"},
        {"base_url": "https://api2.rhombussystems.com/api/"},
        {"base_url": ""},
        {"base_url": None},
        {"base_url": "https://[::1"},
    ],
)
def test_settings_that_cannot_work_are_refused_without_showing_the_key(settings) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClipSession(**{"api_key": KEY, **settings})
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api2.eu.rhombussystems.com/",
        "http://localhost:8080",
        "http://[::1]:80",
        "https://proxy.example/rhombus/",
    ],
)
def test_session_is_made_without_a_running_loop(url) -> None:
    assert not ClipSession(KEY, base_url=url).is_closed


def test_repr_shows_no_more_than_the_end_of_the_key() -> None:
    shown = repr(ClipSession(KEY))
    assert "api2.rhombussystems.com" in shown
    assert "api-token" in shown
    assert KEY[-4:] in shown
    assert KEY[-5:] not in shown
    assert "rt" not in repr(ClipSession("short")).partition("key")[2]


def test_session_from_the_environment(monkeypatch) -> None:
    monkeypatch.setenv("RHOMBUS_API_KEY", KEY)
    monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", "https://api2.eu.rhombussystems.com")
    assert "api2.eu.rhombussystems.com" in repr(ClipSession.from_env())
    monkeypatch.delenv("RHOMBUS_ENDPOINT_URL")
    assert "api2.rhombussystems.com" in repr(ClipSession.from_env())
    assert "partner-api" in repr(ClipSession.from_env(auth_scheme=AuthScheme.PARTNER_API))
    monkeypatch.setenv("RHOMBUS_API_KEY", "")
    with pytest.raises(ConfigurationError, match="RHOMBUS_API_KEY"):
        ClipSession.from_env()


# --- lifetime ----------------------------------------------------------------------------------


async def test_session_without_a_block_opens_with_the_first_call(fake) -> None:
    session = ClipSession(fake.api_key, base_url=fake.url)
    await session.get_saved_clips()
    await session.aclose()
    assert session.is_closed
    assert "closed" in repr(session)


async def test_session_does_not_pickle_nor_do_its_pagers() -> None:
    """The key would be in the pickle."""
    session = ClipSession(KEY)
    for secretive in (session, session.saved_clips(), session.shared_clip_groups()):
        with pytest.raises(TypeError):
            pickle.dumps(secretive)


ECHOES = [
    faults.json_answer(403, {"message": f"Invalid api key {KEY}"}),
    faults.Respond(302, headers={"Location": f"https://elsewhere.example/?key={KEY}"}),
    faults.json_answer(200, {"error": True, "errorMsg": KEY, "warningMsg": KEY}),
    faults.json_answer(200, {"savedClips": KEY, "warningMsg": KEY}),
    faults.Respond(200, f"<html>{KEY}</html>".encode()),
]


@pytest.mark.parametrize("echo", ECHOES)
async def test_key_that_the_service_quotes_is_redacted(echo, fake, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    fake.faults = [echo]
    async with ClipSession(KEY, base_url=fake.url) as session:
        with pytest.raises(RhombusError) as caught:
            await session.get_saved_clips()
    error = caught.value
    shown = [str(error), repr(error), repr(vars(error)), caplog.text]
    shown += [pickle.dumps(error).decode("latin-1"), *traceback.format_exception(error)]
    assert KEY not in "".join(shown)


async def test_closed_session_refuses_calls(fake, session) -> None:
    await session.get_saved_clips()
    await session.aclose()
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await session.get_saved_clips()
    with pytest.raises(SessionClosedError):
        async with session:
            pass
    assert len(fake.requests) == 1


async def test_closing_ends_a_call_whose_answer_is_being_read(fake, session) -> None:
    """At once: aiohttp wakes up nobody who reads a body."""
    fake.faults = [faults.Stall(after_body_bytes=100, seconds=30)]
    call = asyncio.create_task(session.get_saved_clips())
    await fake.wait_for_requests(1)
    await asyncio.sleep(0.05)
    await session.aclose()
    with pytest.raises(SessionClosedError):
        await asyncio.wait_for(call, 5)


async def test_borrowed_client_session_is_neither_closed_nor_changed(fake) -> None:
    async with aiohttp.ClientSession(raise_for_status=True) as http:
        before = dict(http.headers)
        async with ClipSession(fake.api_key, base_url=fake.url, http=http) as session:
            assert (await session.get_saved_clips()).saved_clips
            fake.faults = [faults.ACCESS_DENIED]
            with pytest.raises(PermissionDeniedError):
                await session.get_saved_clips()
        assert not http.closed
        assert dict(http.headers) == before
        async with http.get(fake.url, raise_for_status=False) as response:
            assert response.status == 401


async def test_borrowed_client_session_that_was_closed_says_so(fake) -> None:
    async with aiohttp.ClientSession() as http:
        session = ClipSession(fake.api_key, base_url=fake.url, http=http)
    with pytest.raises(SessionClosedError):
        await session.get_saved_clips()


async def test_redirect_is_an_error_and_carries_nothing_away(fake, session) -> None:
    async with FakeRhombus(1) as elsewhere:
        fake.faults = [faults.Respond(307, headers={"Location": f"{elsewhere.url}/api/x"})]
        with pytest.raises(StatusError, match="not followed"):
            await session.get_saved_clips()
        assert elsewhere.requests == []


async def test_nothing_listens(fake) -> None:
    quick = RetryPolicy(attempts=2, base=0.001, cap=0.001)
    async with ClipSession(KEY, base_url="http://127.0.0.1:1", retry=quick) as session:
        with pytest.raises(ConnectError, match=r"after 2 attempts") as caught:
            await session.get_saved_clips()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


async def test_answer_that_is_not_http_takes_no_header_of_the_request_along() -> None:
    """Aiohttp's own error for it has the request, with the key, in its repr."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = "http://127.0.0.1:{1}".format(*server.sockets[0].getsockname())
    once = RetryPolicy(attempts=1)
    async with server, ClipSession(KEY, base_url=url, retry=once) as session:
        with pytest.raises(DisconnectedError, match="the answer was not HTTP") as caught:
            await session.get_saved_clips()
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert KEY not in "".join(traceback.format_exception(caught.value))


async def test_session_of_its_own_keeps_no_cookies(fake) -> None:
    fake.faults = [faults.Respond(200, b"{}", headers={"Set-Cookie": "crumb=1"})]
    # By name: no jar keeps cookies of an address.
    by_name = fake.url.replace("127.0.0.1", "localhost")
    async with ClipSession(fake.api_key, base_url=by_name) as session:
        await session.get_saved_clips()
        await session.get_saved_clips()
        assert "Cookie" not in fake.requests[1].headers


async def test_plain_http_on_the_loopback_goes_past_every_proxy(fake, monkeypatch) -> None:
    """A proxy would see the key in clear."""
    monkeypatch.delenv("no_proxy", raising=False)
    async with FakeRhombus(0) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        async with ClipSession(fake.api_key, base_url=fake.url) as session:
            assert (await session.get_saved_clips()).saved_clips
        assert proxy.requests == []


async def test_proxy_of_the_environment_is_used_and_may_refuse(monkeypatch) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    async with FakeRhombus(0) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url)
        once = RetryPolicy(attempts=1)
        async with ClipSession(KEY, base_url="https://127.0.0.1:1", retry=once) as session:
            with pytest.raises(ConnectError, match="the proxy refused"):
                await session.get_saved_clips()


async def test_debug_log_has_one_line_per_attempt_and_no_key(fake, session, caplog) -> None:
    caplog.set_level(logging.DEBUG, "rhombus_clips")
    fake.faults = [faults.UNAVAILABLE]
    await session.get_saved_clips()
    lines = [record.getMessage() for record in caplog.records if record.name == "rhombus_clips"]
    assert [line.partition(" in ")[0] for line in lines] == [
        "/api/event/getSavedClipsV2: 503",
        "/api/event/getSavedClipsV2: 200",
    ]
    assert lines[1].endswith("attempt 2")
    assert fake.api_key not in caplog.text


async def _hearing(heard: list[bytes]) -> asyncio.Server:
    async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n")
        writer.close()
        await writer.wait_closed()

    return await asyncio.start_server(hear, "127.0.0.1", 0)


@pytest.mark.parametrize("passed_by", ["", "api2.rhombussystems.com"])
async def test_proxy_of_the_environment_is_used_and_never_sees_the_key(
    monkeypatch, passed_by
) -> None:
    heard = list[bytes]()
    async with await _hearing(heard) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://someone:secret@127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", passed_by)
        session = ClipSession("K" * 22, retry=RetryPolicy(attempts=1), timeout=Timeout(total=2))
        async with session:
            http = session._transport.open()
            assert http._default_proxy is None if passed_by else http._default_proxy is not None
            if passed_by:
                return
            with pytest.raises(ConnectError, match="403"):
                await session.get_saved_clips()
    assert b"CONNECT api2.rhombussystems.com:443" in heard[0]
    assert b"Proxy-Authorization: Basic" in heard[0]
    assert b"KKKK" not in heard[0]


@pytest.mark.parametrize("proxy", ["http://[::1", "http://host:abc", "ftp://host", "host:3128"])
async def test_proxy_that_cannot_be_used_is_refused_before_anything_is_sent(
    monkeypatch, proxy
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    async with ClipSession("K" * 22, base_url="http://127.0.0.1:1"):
        pass  # What does not go over https does not need it.
    with pytest.raises(ConfigurationError, match="proxy"):
        async with ClipSession("K" * 22):
            pass
