"""Who may use the page, and what its files may do; without a browser."""

import re
from collections.abc import AsyncIterator
from importlib.resources import files

import aiohttp
import pytest

from rhombus_clips.testing import FakeRhombus
from rhombus_clips.web.page import LocalAccess
from tests.web_page.visiting import serving

STATIC = files("rhombus_clips.web.page").joinpath("static")


@pytest.fixture
async def access(fake: FakeRhombus) -> AsyncIterator[LocalAccess]:
    async with serving(fake) as access:
        yield access


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    # Cookies of IP addresses are otherwise ignored.
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield http


def origin(access: LocalAccess) -> str:
    return f"http://127.0.0.1:{access.port}"


async def test_without_the_secret_address_no_route_responds(
    access: LocalAccess, http: aiohttp.ClientSession, fake: FakeRhombus
) -> None:
    """Neither with no key nor with a wrong one, and nothing is sent to the service."""
    for path in ("/", "/?key=", "/?key=wrong", "/?key=%C3%A9"):
        async with http.get(origin(access) + path) as response:
            assert response.status == 200
            assert response.cookies == {}
    async with http.get(f"{origin(access)}/api/clips") as response:
        assert response.status == 401
        assert "Open the address" in (await response.json())["errorMsg"]
    assert fake.requests == []


async def test_the_address_grants_access_and_leads_to_one_without_the_key(
    access: LocalAccess, http: aiohttp.ClientSession
) -> None:
    """The cookie cannot be read by scripts, nor sent by pages of other sites."""
    async with http.get(access.url) as response:
        assert str(response.url) == f"{origin(access)}/"
        (redirect,) = response.history
    cookie = redirect.cookies[f"rhombus_clips_{access.port}"]
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    async with http.get(f"{origin(access)}/api/clips") as response:
        assert response.status == 200


async def test_another_name_of_the_host_is_refused(
    access: LocalAccess, http: aiohttp.ClientSession
) -> None:
    """A page whose domain resolves to this machine cannot use the routes."""
    await (await http.get(access.url)).read()
    for path in ("/", "/static/main.js", "/api/clips"):
        for host in ("evil.example", f"evil.example:{access.port}", "127.0.0.1"):
            async with http.get(origin(access) + path, headers={"Host": host}) as response:
                assert response.status == 421


def test_the_key_is_not_shown() -> None:
    """Each page has another key, which is not in the repr."""
    first, second = LocalAccess(1), LocalAccess(1)
    assert first.key != second.key
    assert len(first.key) >= 32
    assert first.key not in repr(first)


async def test_files_allow_nothing_but_the_page_itself(
    access: LocalAccess, http: aiohttp.ClientSession
) -> None:
    """Each has a strict content security policy and its type; other paths do not exist."""
    for file in STATIC.iterdir():
        path = "/" if file.name == "index.html" else f"/static/{file.name}"
        async with http.get(origin(access) + path) as response:
            assert await response.read() == file.read_bytes()
            policy = response.headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "unsafe" not in policy
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            kind = {"js": "text/javascript", "css": "text/css", "html": "text/html"}
            assert response.content_type == kind.get(file.name.split(".")[-1], "image/svg+xml")
    for path in ("/static/nothing.js", "/static/..%2Faccess.py", "/static/__init__.py", "/page"):
        async with http.get(origin(access) + path) as response:
            assert response.status == 404


def test_the_page_is_small_and_loads_nothing_from_elsewhere() -> None:
    """At most 25 KB of JavaScript, no address of another host, no inline script or style."""
    modules = [file.read_bytes() for file in STATIC.iterdir() if file.name.endswith(".js")]
    assert sum(map(len, modules)) <= 25_000
    for file in STATIC.iterdir():
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"(https?:)?//\w", re.sub(r"/\*.*?\*/|// .*", "", text))
    markup = STATIC.joinpath("index.html").read_text("utf-8")
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", markup)
