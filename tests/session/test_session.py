"""The session: endpoints, authentication and settings."""

import pytest
from attrs import evolve

from rhombus_clips import (
    ApiError,
    AuthenticationError,
    AuthScheme,
    ClipSession,
    ClipStatus,
    ConfigurationError,
    DecodeError,
    NotFoundError,
    PermissionDeniedError,
    RetryPolicy,
    ServerError,
    StatusError,
)
from rhombus_clips.errors import InvalidArgumentError
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


async def test_page_may_start_at_a_datetime(fake, session) -> None:
    page = await session.get_saved_clips()
    start = page.saved_clips[3].recorded_at
    later = await session.get_saved_clips(page_timestamp_ms=start)
    assert fake.requests[-1].json["pageTimestampMs"] == page.saved_clips[3].timestamp_ms
    assert later.saved_clips


async def test_clip_with_progress(fake, session) -> None:
    clip_uuid = fake.start_render(seconds=0)
    clip = await session.get_clip_with_progress(clip_uuid)
    assert clip.uuid == clip_uuid
    assert clip.status == ClipStatus.COMPLETE
    assert clip.percent_complete == 100


@pytest.mark.parametrize("answer", UnknownClip)
async def test_unknown_clip_raises_whatever_the_service_answers(connect, answer) -> None:
    async with FakeRhombus(1, unknown_clip=answer) as fake, connect(fake) as session:
        with pytest.raises(NotFoundError) as caught:
            await session.get_clip_with_progress("A" * 22)
    assert caught.value.endpoint == "/api/event/getClipWithProgress"
    assert len(fake.requests) == caught.value.attempts == 1


async def test_bounds_of_shared_clip_groups_are_sent_unchanged(fake, session) -> None:
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


async def test_missing_replacement_is_not_kept(fake, session) -> None:
    """A 404 for both means that the base URL is wrong, not that an endpoint was removed."""
    fake.faults = [faults.Respond(404, times=2)]
    with pytest.raises(StatusError, match="check base_url") as caught:
        await session.get_spliced_clips_in_progress()
    assert not isinstance(caught.value, NotFoundError)
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


async def test_in_band_failure_is_not_retried(fake, session) -> None:
    fake.faults = [faults.REFUSED, faults.REFUSED_WITHOUT_REASON]
    with pytest.raises(ApiError, match="that plate is already saved"):
        await session.get_saved_clips()
    with pytest.raises(ApiError, match="gave no reason"):
        await session.get_saved_clips()
    assert len(fake.requests) == 2


async def test_html_instead_of_json_is_a_decode_error(fake, session) -> None:
    fake.faults = [faults.HTML_INSTEAD, faults.Respond(200)]
    with pytest.raises(DecodeError, match="Sign in"):
        await session.get_saved_clips()
    with pytest.raises(DecodeError, match="an empty body") as caught:
        await session.get_saved_clips()
    assert caught.value.endpoint == "/api/event/getSavedClipsV2"
    assert caught.value.attempts == 1


@pytest.mark.parametrize("size", [0, -1, True, 1.5, "5", None])
async def test_invalid_page_size_is_rejected_before_anything_is_sent(fake, session, size) -> None:
    with pytest.raises(InvalidArgumentError, match="max_page_size"):
        await session.get_saved_clips(max_page_size=size)
    assert fake.requests == []


@pytest.mark.parametrize("clip_uuid", ["", None, 5])
async def test_invalid_clip_uuid_is_rejected_before_anything_is_sent(
    fake, session, clip_uuid
) -> None:
    with pytest.raises(InvalidArgumentError, match="clip_uuid"):
        await session.get_clip_with_progress(clip_uuid)
    assert fake.requests == []


async def test_replacement_shares_the_attempts_of_the_deprecated_endpoint(fake, connect) -> None:
    gone = faults.Respond(404, path="/api/event/getSplicedClipsInProgress")
    out = evolve(faults.UNAVAILABLE, path="/api/video/getSplicedClipsInProgress", times=None)
    fake.faults = [gone, out]
    async with connect(fake, retry=RetryPolicy(attempts=3, base=0.001)) as session:
        with pytest.raises(ServerError, match="after 3 attempts"):
            await session.get_spliced_clips_in_progress()
    assert len(fake.requests) == 3


# --- authentication ----------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", AuthScheme)
async def test_every_scheme_is_sent_by_its_name(scheme) -> None:
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


async def test_user_agent_has_the_library_after_the_caller(fake) -> None:
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
        {"base_url": "https://ho<st>"},
        {"base_url": "https://host\\path"},
        {"base_url": "https://host%41"},
        {"base_url": "https://256.1.1.1"},
        {"base_url": "https://2130706433"},
        {"base_url": "https://[v1.x]"},
        {"base_url": "https://[::g]"},
        {"base_url": "https://host:0"},
        {"base_url": "https://host:65536"},
        {"base_url": "https://host:-1"},
        {"base_url": "https://host:٤٤٣"},
        {"base_url": "https://host/\ud800"},
        {"media_url": "https://ho<st>"},
    ],
)
def test_invalid_settings_are_rejected_without_showing_the_key(settings) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClipSession(**{"api_key": KEY, **settings})
    assert KEY not in str(caught.value)
    assert KEY not in repr(caught.value)


@pytest.mark.parametrize("host", ["host:99999", "256.1.1.1", "a..b", "host"])
def test_password_in_a_base_url_is_rejected_without_showing_it(host) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClipSession(KEY, base_url=f"https://user:hunter2@{host}")
    assert "hunter2" not in repr(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "https://api2.eu.rhombussystems.com/",
        "http://localhost:8080",
        "http://[::1]:80",
        "https://proxy.example/rhombus/",
        "https://my_host.example.",
        "https://münchen.example",
        "https://[fe80::1%25eth0]:8443",
        f"https://{'a' * 63}.example",
    ],
)
def test_session_needs_no_running_loop(url) -> None:
    assert not ClipSession(KEY, base_url=url).is_closed


def test_repr_shows_only_the_end_of_the_key() -> None:
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
    assert "…WXYZ" in repr(ClipSession.from_env(api_key="abcdefghijklmnopWXYZ"))


def test_key_for_web_requests_is_read_from_the_environment(monkeypatch) -> None:
    monkeypatch.delenv("RHOMBUS_API_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="RHOMBUS_API_KEY"):
        ClipSession.for_web()
    monkeypatch.setenv("RHOMBUS_API_KEY", "k" * 22)
    assert repr(ClipSession.for_web()) == repr(ClipSession.for_web("k" * 22))
