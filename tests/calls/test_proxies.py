"""Proxies from environment variables: which one is used, and that its password stays hidden."""

import asyncio
import base64
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips import ClipSession, ConfigurationError, ConnectError, RetryPolicy, Timeout
from rhombus_clips.calls.proxies import proxy_for

URL = "https://api2.rhombussystems.com"
QUICK = RetryPolicy(attempts=3, base=0.001, cap=0.001)
VARIABLES = [
    name
    for lower in ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
    for name in (lower, lower.upper())
]


@pytest.fixture(autouse=True)
def _unset_proxy_variables(monkeypatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


# --- selection -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"https_proxy": "http://a:1"}, "http://a:1"),
        ({"HTTPS_PROXY": "http://a:1"}, "http://a:1"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:1"}, "http://a:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b:1"}, "http://b:1"),
        ({"all_proxy": "http://c:1"}, "http://c:1"),
        ({"ALL_PROXY": "http://c:1"}, "http://c:1"),
        ({"all_proxy": "http://c:1", "ALL_PROXY": "http://d:1"}, "http://c:1"),
        ({"HTTPS_PROXY": "http://b:1", "all_proxy": "http://c:1"}, "http://b:1"),
        ({"https_proxy": " ", "ALL_PROXY": "http://d:1"}, "http://d:1"),
        ({"http_proxy": "http://a:1"}, None),
        ({"HTTP_PROXY": "http://a:1"}, None),
        ({"https_proxy": "a:3128"}, "http://a:3128"),
        ({"https_proxy": "a"}, "http://a"),
        ({"https_proxy": "user:p%40ss@a:3128"}, "http://user:p%40ss@a:3128"),
        ({"https_proxy": "http://user:p%40ss@a:3128/"}, "http://user:p%40ss@a:3128/"),
        ({"https_proxy": "HTTP://a:1"}, "http://a:1"),
        ({"https_proxy": "http://[::1]:1"}, "http://[::1]:1"),
    ],
)
def test_proxy_is_selected_by_the_rules_of_curl(environment, proxy) -> None:
    assert proxy_for(URL, environment) == proxy


def test_only_the_lower_case_variable_counts_for_plain_http() -> None:
    """A CGI program gets the Proxy header of a request as HTTP_PROXY."""
    assert proxy_for("http://a.example", {"HTTP_PROXY": "http://evil:1"}) is None
    assert proxy_for("http://a.example", {"http_proxy": "http://a:1"}) == "http://a:1"
    assert proxy_for("http://a.example", {"ALL_PROXY": "http://c:1"}) == "http://c:1"


@pytest.mark.parametrize(
    ("no_proxy", "host", "is_direct"),
    [
        ("", "a.example", False),
        ("*", "a.example", True),
        ("b.example,*", "a.example", True),
        ("example", "a.example", True),
        ("a.example", "a.example", True),
        ("A.EXAMPLE", "a.example", True),
        ("a.example", "A.Example", True),
        ("a.example.", "a.example", True),
        ("a.example", "a.example.", True),
        (".example", "a.example", True),
        (".a.example", "a.example", True),
        ("*.example", "a.example", True),
        ("*.example", "b.a.example", True),
        ("*.a.example", "a.example", False),
        ("*.example", "aexample", False),
        ("ample", "a.example", False),
        ("b.a.example", "a.example", False),
        ("x,a.example", "a.example", True),
        ("x a.example", "a.example", True),
        (" , ,x,, a.example ,", "a.example", True),
        (".", "a.example", False),
        ("a.example:443", "a.example", True),
        ("a.example:8443", "a.example", False),
        ("a.example:8443", "a.example:8443", True),
        (".example:8443", "a.example:8443", True),
        ("*.example:443", "a.example", True),
        ("a.example:", "a.example", True),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.1", "10.0.0.2", False),
        ("0.0.1", "10.0.0.1", False),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.9.9.9/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.0/8:443", "10.1.2.3", True),
        ("10.0.0.1:8443", "10.0.0.1", False),
        ("10.0.0.0/99", "10.0.0.0", False),
        ("0.0.0.0/0", "10.1.2.3", True),
        ("::1", "[::1]", True),
        ("[::1]", "[::1]", True),
        ("[::1]:443", "[::1]", True),
        ("[::1]:80", "[::1]", False),
        ("0:0::1", "[::1]", True),
        ("fd00::/8", "[fd12::3]", True),
        ("[fd00::]/8", "[fd12::3]", True),
        ("fd00::/8", "[fe80::3]", False),
        ("10.0.0.0/8", "[fd12::3]", False),
        ("10.0.0.0/8", "a.example", False),
    ],
)
def test_no_proxy_excludes_hosts(no_proxy, host, is_direct) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        environment = {"https_proxy": "http://proxy:1", name: no_proxy}
        assert (proxy_for(f"https://{host}/x", environment) is None) is is_direct


def test_lower_case_no_proxy_takes_precedence() -> None:
    environment = {"https_proxy": "http://a:1", "no_proxy": "b", "NO_PROXY": "*"}
    assert proxy_for(URL, environment) == "http://a:1"


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_text_in_the_variables_is_a_proxy_or_a_clear_error(proxy, no_proxy) -> None:
    try:
        proxy_for(URL, {"https_proxy": proxy, "no_proxy": no_proxy})
    except ConfigurationError as error:
        assert "https_proxy" in str(error)


@pytest.mark.parametrize(
    "proxy",
    [
        "socks5://user:hunter2@a:1080",
        "socks4://a",
        "https://user:hunter2@a",
        "ftp://user:hunter2@a",
        "http://us%3Aer:hunter2@a",
        "http://user:hunter2@a:abc",
        "http://user:hunter2@a:0",
        "http://user:hunter2@",
        "http://user:hunter2@a..b",
        "http://user:hunter2@[::1",
        "http://user:hunter 2@a",
        "http:// user:hunter2@a",
        "user:hunter2@",
        "://",
    ],
)
def test_invalid_proxy_is_rejected_without_its_password(proxy) -> None:
    with pytest.raises(ConfigurationError) as caught:
        proxy_for(URL, {"ALL_PROXY": proxy})
    assert "ALL_PROXY" in str(caught.value)
    assert "hunter" not in "".join(traceback.format_exception(caught.value))
    # A proxy that does not apply to the host is not checked.
    assert proxy_for(URL, {"ALL_PROXY": proxy, "no_proxy": "rhombussystems.com"}) is None


# --- use -----------------------------------------------------------------------------------------


class Proxy:
    """A proxy that answers each CONNECT with fixed bytes. Without any, it does not answer."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self.received: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.received.append(await reader.readuntil(b"\r\n\r\n"))
        if not self._answer:
            await reader.read()
        writer.write(self._answer)
        writer.close()


@asynccontextmanager
async def proxy_answering(answer: bytes) -> AsyncIterator[Proxy]:
    proxy = Proxy(answer)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    async with server:
        proxy.port = server.sockets[0].getsockname()[1]
        yield proxy


def _refusal(status: int) -> bytes:
    return b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status


async def _failure(session: ClipSession) -> ConnectError:
    with pytest.raises(ConnectError) as caught:
        await session.delete_saved_clip("A" * 22)
    return caught.value


@pytest.mark.parametrize(("status", "requests"), [(407, 1), (403, 3), (502, 3), (503, 3)])
async def test_refusal_of_a_proxy_is_retried_unless_the_credentials_are_wrong(
    monkeypatch, status, requests
) -> None:
    async with proxy_answering(_refusal(status)) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"127.0.0.1:{proxy.port}")
        async with ClipSession("k" * 22, retry=QUICK) as session:
            error = await _failure(session)
    assert str(status) in str(error)
    assert error.is_lasting is (status == 407)
    assert not error.maybe_applied
    assert len(proxy.received) == error.attempts == requests


@pytest.mark.usefixtures("virtual_clock")
async def test_connect_timeout_includes_the_answer_of_the_proxy(monkeypatch) -> None:
    async with proxy_answering(b"") as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        timeout = Timeout(total=30, connect=0.05)
        async with ClipSession("k" * 22, retry=QUICK, timeout=timeout) as session:
            error = await _failure(session)
    assert "no connection was established within" in str(error)
    assert error.attempts == 3


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("user:hunter2", b"user:hunter2"),
        ("us%40er:hunter2%3A%2F%40", b"us@er:hunter2:/@"),
        ("user", b"user:"),
        ("user:hunter2%C3%A9%E2%82%AC", "user:hunter2é€".encode()),
        ("üser:hunter2é", "üser:hunter2é".encode()),
        ("user:hunter2%FF", b"user:hunter2\xff"),
    ],
)
async def test_credentials_are_sent_to_the_proxy_and_hidden_from_messages(
    monkeypatch, caplog, given, sent
) -> None:
    caplog.set_level(logging.DEBUG)
    async with proxy_answering(_refusal(407)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://{given}@127.0.0.1:{proxy.port}")
        async with ClipSession("k" * 22, retry=QUICK) as session:
            refused = await _failure(session)
            shown = [repr(session)]
    async with ClipSession("k" * 22, retry=QUICK) as session:
        unreachable = await _failure(session)
    (head,) = proxy.received
    assert b"\r\nProxy-Authorization: Basic " + base64.b64encode(sent) + b"\r\n" in head
    assert b"kkkk" not in head
    for error in (refused, unreachable):
        shown += [repr(error), repr(vars(error)), *traceback.format_exception(error)]
    assert "hunter2" not in "".join([*shown, caplog.text])


@pytest.mark.parametrize("no_proxy", ["rhombussystems.com", "*", ".com:443"])
async def test_proxy_is_not_used_for_excluded_hosts(monkeypatch, no_proxy) -> None:
    async with proxy_answering(_refusal(403)) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", no_proxy)
        async with ClipSession("k" * 22) as session:
            assert session._transport.client.open()._default_proxy is None
