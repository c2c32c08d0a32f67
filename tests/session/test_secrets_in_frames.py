"""The key is in no frame of a traceback: error trackers print the local variables of each."""

import functools
import inspect
import pickle
import socket
import traceback
from collections.abc import AsyncIterable, Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from attrs import evolve

from rhombus_clips import (
    ClipSession,
    ConfigurationError,
    MediaTimeout,
    MetaDataLocation,
    Polling,
    RateLimit,
    RetryPolicy,
    RhombusError,
    SavedClip,
    SavedClipPage,
    Timeout,
)
from rhombus_clips.calls.auth import Secret
from rhombus_clips.testing import FakeRhombus, Media, faults
from tests.endpoint_calls import CALLS
from tests.examples import a_few

KEY = "MARKER-that-must-not-leave"
UUID = "A" * 22
CLIP = SavedClip(uuid=UUID, clip_location=MetaDataLocation(region="us-west-2"))
SILENT, USUAL = MediaTimeout(stall=0.05, connect=0.05), MediaTimeout()
BRIEF = Polling(interval=0.001, max_interval=0.002, appears_within=0.01, outage=0.01)


async def all_of(items: AsyncIterable[Any]) -> None:
    async for _ in items:
        pass


async def sharded(session: ClipSession) -> None:
    async with session.saved_clips(since=1, until=2).sharded(2) as clips:
        await all_of(clips)


async def prefetched(session: ClipSession) -> None:
    async with session.saved_clips().prefetched(2) as clips:
        await all_of(clips)


async def stream(session: ClipSession) -> None:
    async with session.stream_clip(CLIP) as chunks:
        await all_of(chunks)


async def stream_thumbnail(session: ClipSession) -> None:
    async with session.stream_thumbnail(CLIP) as chunks:
        await all_of(chunks)


async def download_clips(session: ClipSession, folder: Path) -> None:
    summary = await session.download_clips([CLIP], folder)
    for failure in summary.failures:
        raise failure.error


Job = Callable[[ClipSession, Path], Awaitable[Any]]

OTHER_PATH = "/api/camera/getPresenceWindows"

JOBS: dict[str, Job] = {
    "call": lambda s, _: s.call(OTHER_PATH, {"cameraUuid": UUID}),
    "call.safe": lambda s, _: s.call(OTHER_PATH, {"cameraUuid": UUID}, safe=True),
    "call.answer": lambda s, _: s.call("/api/event/getSavedClipsV2", answer=SavedClipPage),
    "call.path": lambda s, _: s.call(f"/api/{KEY}"),
    "call.query": lambda s, _: s.call(f"/api/a?key={KEY}"),
    "clips_with_progress": lambda s, _: all_of(s.clips_with_progress()),
    "download_clip": lambda s, folder: s.download_clip(CLIP, folder / "clip.mp4"),
    "download_clips": download_clips,
    "download_thumbnail": lambda s, folder: s.download_thumbnail(CLIP, folder / "clip.jpeg"),
    "expiring_clips": lambda s, _: s.expiring_clips().collect(1),
    "follow_saved_clips": lambda s, _: all_of(s.follow_saved_clips()),
    "make_clip": lambda s, _: s.make_clip([UUID], 1, 1.0, timeout=0.1, polling=BRIEF),
    "save_alert_clip": lambda s, _: s.save_alert_clip(UUID, timeout=0.1, polling=BRIEF),
    "saved_clips": lambda s, _: all_of(s.saved_clips()),
    "saved_clips.pages": lambda s, _: all_of(s.saved_clips().pages()),
    "saved_clips.prefetched": lambda s, _: prefetched(s),
    "saved_clips.sharded": lambda s, _: sharded(s),
    "shared_clip_groups": lambda s, _: all_of(s.shared_clip_groups()),
    "shared_clip_groups.window": lambda s, _: all_of(
        s.shared_clip_groups(created_after=1, window=timedelta(days=9000))
    ),
    "stream_clip": lambda s, _: stream(s),
    "stream_thumbnail": lambda s, _: stream_thumbnail(s),
    "wait_for_clip": lambda s, _: s.wait_for_clip(UUID, timeout=0.1, polling=BRIEF),
    "watch_clip": lambda s, _: all_of(s.watch_clip(UUID, polling=BRIEF)),
    "watch_clips": lambda s, _: all_of(s.watch_clips([UUID], polling=BRIEF)),
}


async def call_endpoint(path: str, session: ClipSession, _: Path) -> None:
    """Run all calls of an endpoint, and raise the error of the last."""
    *others, call = CALLS[path](session)
    for other in others:
        await ended(other)
    await call


JOBS |= {path: functools.partial(call_endpoint, path) for path in CALLS}

QUOTED = f'"{KEY}"'.encode()
JSON = {"Content-Type": "application/json"}
FAULTS: dict[str, faults.Fault | None] = {
    "refused": None,
    "401": faults.Respond(401, QUOTED),
    "403": faults.Respond(403, b'{"message": ' + QUOTED + b"}", headers=JSON),
    "404": faults.Respond(404, QUOTED),
    "429": faults.Respond(429, QUOTED, headers={"Retry-After": "0"}),
    "500": faults.Respond(500, b'{"errorMsg": ' + QUOTED + b"}", headers=JSON),
    "reset": faults.Reset(after_bytes=30),
    "closed": faults.Disconnect(),
    "garbage": faults.Respond(200, b'{"clips": [' + QUOTED, headers=JSON),
    "another type": faults.Respond(
        200,
        b'{"savedClips": %b, "sharedClipGroups": %b, "clip": %b, "splicedClips": %b}'
        % ((QUOTED,) * 4),
        headers=JSON,
    ),
    "in-band": faults.Respond(200, b'{"error": true, "errorMsg": ' + QUOTED + b"}"),
    "redirect": faults.Respond(302, QUOTED, headers={"Location": f"https://user:{KEY}@x.example/"}),
    "redirect away": faults.Respond(302, QUOTED, headers={"Location": f"https://a..b/?{KEY}"}),
    "no HTTP": faults.Raw(KEY.encode() * 10),
    "silence": faults.Silence(1),
}


def shown(error: BaseException) -> str:
    """Return everything printable about *error*, with the local variables of all its frames."""
    printed = traceback.TracebackException.from_exception(error, capture_locals=True)
    text = "".join(printed.format())
    text += repr((error, error.args, vars(error)))
    if isinstance(error, RhombusError):
        text += repr(pickle.loads(pickle.dumps(error)).__dict__)
    if isinstance(error, BaseExceptionGroup):
        text += "".join(map(shown, error.exceptions))
    return text


async def ended(job: Awaitable[Any]) -> BaseException | None:
    try:
        await job
    except Exception as error:  # noqa: BLE001  # any error must be free of the key
        return error
    return None


def test_every_public_method_is_among_the_jobs() -> None:
    methods = {
        name
        for name, member in inspect.getmembers(ClipSession, inspect.isfunction)
        if not name.startswith("_")
    }
    names = {name.partition(".")[0] for name in JOBS if not name.startswith("/")}
    assert methods - {"aclose"} == names | methods_of_endpoints()


def methods_of_endpoints() -> set[str]:
    """Return the names of the methods that `CALLS` calls."""

    class Recorder:
        def __init__(self) -> None:
            self.names: set[str] = set()

        def __getattr__(self, name: str) -> Callable[..., None]:
            self.names.add(name)
            return lambda *_, **__: None

    recorder: Any = Recorder()
    for calls in CALLS.values():
        calls(recorder)
    names: set[str] = recorder.names
    return names


@pytest.mark.parametrize("is_borrowed", [False, True], ids=["own", "borrowed"])
@pytest.mark.parametrize("case", a_few(FAULTS))
async def test_key_is_in_no_frame_of_any_traceback(
    case: str, is_borrowed: bool, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr("rhombus_clips.calls.pacing._SPREAD", 0.0)  # Many calls wait for a pause.
    fault, failures = FAULTS[case], 0
    async with AsyncExitStack() as stack:
        fake = await stack.enter_async_context(FakeRhombus(3, api_key=KEY))
        url, media_url = fake.url, fake.media_url
        if fault is None:
            url = media_url = f"http://127.0.0.1:{free_port()}"
        else:
            fake.faults = [evolve(fault, times=None)]
            fake.media_faults = [evolve(fault, times=None)]
        http = await stack.enter_async_context(aiohttp.ClientSession()) if is_borrowed else None
        settings: dict[str, Any] = {
            "base_url": url,
            "media_url": media_url,
            "http": http,
            "retry": RetryPolicy(attempts=2, base=0.001, cap=0.001),
            "timeout": Timeout(total=0.05 if case == "silence" else 5),
            "media_timeout": SILENT if case == "silence" else USUAL,
            "rate": RateLimit(per_second=1e6, burst=1000),
        }
        session = await stack.enter_async_context(ClipSession(KEY, **settings))
        for name, job in JOBS.items():
            error = await ended(job(session, tmp_path))
            if error is None:
                continue
            failures += 1
            text = shown(error)
            assert KEY not in text, f"{name}: {hidden_where(text)}"
            assert "ended" in text
    assert failures > len(JOBS) // 2


def hidden_where(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if KEY in line)[:2000]


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port: int = server.getsockname()[1]
        return port


@pytest.mark.parametrize(
    "settings",
    [
        {"auth_scheme": "nonsense"},
        {"base_url": "http://example.com"},
        {"base_url": "nonsense"},
        {"media_url": "http://example.com"},
        {"org_uuid": "a\nb"},
        {"user_agent": "a\nb"},
        {"retry": 5},
        {"max_response_bytes": 0},
    ],
)
@pytest.mark.parametrize("make", ["ClipSession", "for_web", "from_env"])
def test_key_is_in_no_frame_of_a_session_with_invalid_settings(
    settings, make: str, monkeypatch
) -> None:
    monkeypatch.setenv("RHOMBUS_API_KEY", KEY)
    with pytest.raises(ConfigurationError) as caught:
        if make == "from_env":
            ClipSession.from_env(**settings)
        elif make == "for_web":
            ClipSession.for_web(KEY, **settings)
        else:
            ClipSession(KEY, **settings)
    assert KEY not in shown(caught.value)


@pytest.mark.parametrize("key", [f"{KEY}\n", f"{KEY}ä", KEY.encode(), [KEY]])
def test_invalid_key_is_in_no_frame(monkeypatch, request, key) -> None:
    """The only exception is the frame of the test itself."""
    for make in (
        ClipSession, ClipSession.for_web, lambda key: ClipSession.from_env(api_key=key),
    ):  # fmt: skip
        with pytest.raises(ConfigurationError) as caught:
            make(key)
        frames = caught.value.__traceback__
        while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
            frames = frames.tb_next
        assert frames is not None
        error = caught.value.with_traceback(frames)
        assert KEY not in shown(error)


async def test_secret_is_in_no_repr_and_sent_unchanged(fake, connect, tmp_path) -> None:
    secret = Secret(KEY)
    assert KEY not in repr([secret, {"key": secret}, (secret,)])
    assert secret == KEY
    async with connect(fake) as session:
        reader = session._reader(None)
        assert fake.api_key not in repr((reader, session, vars(session._media)))
        assert fake.api_key not in repr((vars(session._call), vars(session._transport)))
        with suppress(RhombusError):
            await session.get_saved_clips()
    assert fake.requests[0].header("x-auth-apikey") == fake.api_key


async def test_signature_is_in_no_frame_of_a_download(fake, connect, tmp_path) -> None:
    """A signed URL gives access to the file."""
    fake.media = Media(redirects=1)
    uuid = next(clip["uuid"] for clip in fake.clips if clip["status"] == "COMPLETE")
    for fault in (faults.Respond(403), faults.Reset(after_bytes=30), faults.Raw(b"noise")):
        fake.media_faults = [
            piece for _ in range(5) for piece in (faults.Ok(), evolve(fault, times=2))
        ]
        async with connect(fake) as session:
            clip = await session.get_clip_with_progress(uuid)
            error = await ended(session.download_clip(clip, tmp_path / "clip.mp4"))
        assert isinstance(error, RhombusError)
        assert "signature=" not in shown(error)
