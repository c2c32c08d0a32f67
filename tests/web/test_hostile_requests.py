"""Hostile requests get a 4xx, send nothing to the service, and leave no key in a log."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any

import pytest
from attrs import frozen

from rhombus_clips import ClipSession
from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web import Limits
from tests.web.servers import ADAPTERS, serving

UUID = "AAAAAAAAAAAAAAAAAAAAAA"
JSON = "Content-Type: application/json\r\n"
SPLICE = {"deviceUuids": [UUID], "startTimeMillis": 1_700_000_000_000, "durationSec": 5}


@frozen
class Hostile:
    """A server, to which a test sends bytes."""

    host: str
    port: int
    fake: FakeRhombus

    async def status_of(self, request: bytes) -> int:
        """Send *request*, and return the status of the response."""
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            writer.write(request)
            line = await reader.readline()
        finally:
            writer.close()
        return int(line.split()[1])


@pytest.fixture(params=ADAPTERS)
async def hostile(request, caplog) -> AsyncIterator[Hostile]:
    caplog.set_level(logging.DEBUG)
    limits = Limits(body_timeout=0.2)
    async with (
        FakeRhombus(3) as fake,
        ClipSession.for_web(fake.api_key, base_url=fake.url, media_url=fake.media_url) as session,
        serving(request.param, session, limits=limits) as url,
    ):
        host, _, port = url.removeprefix("http://").partition("/")[0].partition(":")
        yield Hostile(host, int(port), fake)
        assert fake.requests == fake.media_requests == []
        assert fake.api_key not in caplog.text


def request_of(method: str, target: str, headers: str = "", body: bytes = b"") -> bytes:
    """Return a request, byte for byte."""
    length = f"Content-Length: {len(body)}\r\n" if method in {"POST", "PATCH"} else ""
    head = f"{method} /api{target} HTTP/1.1\r\nHost: x\r\n{headers}{length}\r\n"
    return head.encode("latin-1") + body


def _json(method: str, target: str, body: Any) -> bytes:
    return request_of(method, target, JSON, json.dumps(body).encode())


UUIDS = [
    "..", "%2e%2e", "..%2f..%2fetc%2fpasswd", "%252e%252e%252f", "a%00b", "%0d%0aX:1",
    "%C3%BC", "%FF", "a.mp4", "a%3Fb", "a%23", "%20", "A" * 41, "~", "a;b", "%5C..%5C",
]  # fmt: skip
QUERIES = [
    "limit=0", "limit=-1", "limit=201", "limit=1e3", "limit=" + "9" * 5000, "limit=%F0%9D%9F%99",
    "limit=1&limit=2", "since=yesterday", "since=2025-01-01", "since=" + "9" * 19,
    "since=1" + "0" * 400, "until=9999-99-99T00:00Z", "cursor=x", "cursor=%00",
    "cursor=" + "A" * 5000, "filterByPrivate=1", "sortOrder=up", "unknown=1",
    "cursor=E%0d%0aX-Injected:%201", "deviceUuidFilters=%0d%0a", "locationUuidFilters=%00",
]  # fmt: skip


@pytest.mark.parametrize("uuid", UUIDS)
async def test_identifier(hostile: Hostile, uuid: str) -> None:
    """In every segment and parameter."""
    targets = [
        f"/clips/{uuid}",
        f"/clips/{uuid}/events",
        f"/clips/{uuid}/video",
        f"/clips/{uuid}/thumbnail",
        f"/clip-download?clipUuid={uuid}",
        f"/clip-download?clipUuid={UUID}&region={uuid.upper() if uuid.isalnum() else uuid}",
    ]
    for target in targets:
        assert 400 <= await hostile.status_of(request_of("GET", target)) < 500, target
    header = "X-Requested-With: x\r\n"
    for target in (f"/clips/{uuid}", f"/shared-clip-groups/{uuid}"):
        assert 400 <= await hostile.status_of(request_of("DELETE", target, header)) < 500, target


@pytest.mark.parametrize("query", QUERIES, ids=range(len(QUERIES)))
async def test_query(hostile: Hostile, query: str) -> None:
    assert 400 <= await hostile.status_of(request_of("GET", f"/clips?{query}")) < 500


@pytest.mark.parametrize(
    "zone", ["../../etc/passwd", "%2Fetc%2Fpasswd", "Mars", "a%00b", "UTC%0d%0a", "U" * 300]
)
async def test_time_zone(hostile: Hostile, zone: str) -> None:
    target = f"/clips/calendar?timeZone={zone}"
    assert await hostile.status_of(request_of("GET", target)) == 400


VALUES: list[Any] = [
    None,
    1,
    1.5,
    "x",
    "",
    [],
    {},
    True,
    10**30,
    -1,
    [1],
    [None],
    [UUID, {}],
    "\ud800",
    "\0",
]
FIELDS = [
    *(("POST", "/clips", SPLICE, name) for name in SPLICE),
    ("POST", "/shared-clip-groups", {"clipUuids": [UUID]}, "clipUuids"),
    ("POST", "/shared-clip-groups", {"clipUuids": [UUID]}, "expirationTimeSecs"),
    ("POST", "/clip-progress", {"clipUuid": UUID}, "clipUuid"),
]
# These are valid, or mean the same as an absent field.
VALID: dict[str, list[Any]] = {
    "durationSec": [1], "startTimeMillis": [1, -1], "expirationTimeSecs": [None, 1],
    "deviceUuids": [], "clipUuids": [], "clipUuid": ["x"],
}  # fmt: skip


@pytest.mark.parametrize(("method", "path", "body", "name"), FIELDS)
async def test_field(hostile: Hostile, method: str, path: str, body: Any, name: str) -> None:
    for value in VALUES:
        is_valid = any(type(value) is type(valid) and value == valid for valid in VALID[name])
        if not is_valid:
            status = await hostile.status_of(_json(method, path, {**body, name: value}))
            assert 400 <= status < 500, (name, value)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"1", b'"x"', b"\xff\xfe", b'{"clipUuid": NaN}', b"{} {}",
        b"[" * 30_000, b'{"a":' * 9000, b'{"clipUuid": "\xff"}', b'{"clipUuid": 1e999}',
        b'{"clipUuid": "A", "clipUuid": "B"}', b'{"a": {"b": 1, "b": 2}}',
    ],
    ids=range(15),
)  # fmt: skip
@pytest.mark.parametrize("path", ["/save-clip", "/clip-progress", "/presence-windows", "/clips"])
async def test_body(hostile: Hostile, path: str, body: bytes) -> None:
    assert await hostile.status_of(request_of("POST", path, JSON, body)) == 400


async def test_large_body(hostile: Hostile) -> None:
    body = b'{"title": "' + b"x" * 2**16 + b'"}'
    assert await hostile.status_of(request_of("POST", "/save-clip", JSON, body)) == 413
    chunk = b"%x\r\n%b\r\n" % (len(body), body)
    head = f"POST /api/save-clip HTTP/1.1\r\nHost: x\r\n{JSON}Transfer-Encoding: chunked\r\n\r\n"
    assert await hostile.status_of(head.encode() + chunk + b"0\r\n\r\n") == 413


async def test_slow_body(hostile: Hostile) -> None:
    """It holds a handler for a limited time."""
    head = f"POST /api/save-clip HTTP/1.1\r\nHost: x\r\n{JSON}Content-Length: 20\r\n\r\n"
    assert await hostile.status_of(head.encode() + b'{"ti') == 408


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_request_that_a_form_of_another_site_can_send(hostile, content_type: str) -> None:
    header = f"Content-Type: {content_type}\r\n" if content_type else ""
    for method, path in [
        ("POST", "/save-clip"),
        ("POST", "/clips"),
        ("POST", "/shared-clip-groups"),
        ("PATCH", f"/clips/{UUID}"),
        ("DELETE", f"/clips/{UUID}"),
        ("DELETE", f"/shared-clip-groups/{UUID}"),
    ]:
        assert await hostile.status_of(_form(method, path, header)) == 415


def _form(method: str, path: str, header: str) -> bytes:
    return request_of(method, path, header, b"" if method == "DELETE" else b"{}")


async def test_preflight_request(hostile: Hostile) -> None:
    """No other site may use the routes unless the application configures it."""
    headers = "Origin: https://evil.example\r\nAccess-Control-Request-Method: POST\r\n"
    assert await hostile.status_of(request_of("OPTIONS", "/save-clip", headers)) == 405
