"""The command that serves the local page."""

import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

from rhombus_clips.testing import FakeRhombus
from tests.cli.test_command import RUN, environment_of, invoke

_ENVIRONMENT = {"PYTHONWARNINGS": "error"}


@contextmanager
def page(
    *arguments: str, environment: dict[str, str] | None = None, stop: signal.Signals = signal.SIGINT
) -> Iterator[str]:
    """Run the command during the block, yield the address that it prints, and end it."""
    with subprocess.Popen(
        [*RUN, "web", *arguments], env=os.environ | _ENVIRONMENT | (environment or {}), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[-1]
        finally:
            process.send_signal(stop)
            _, complaints = process.communicate(timeout=60)
    assert process.returncode == 0, complaints
    assert complaints == ""


def browser() -> OpenerDirector:
    """Return a client that keeps cookies."""
    return build_opener(HTTPCookieProcessor(CookieJar()))


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_needs_nothing_and_ends_cleanly(stop: signal.Signals) -> None:
    """It serves the page and its clips until a signal, even with an open stream of events."""
    without_key = {"RHOMBUS_API_KEY": ""}
    with page("--demo", environment=without_key, stop=stop) as url:
        client = browser()
        assert b"<title>Saved clips</title>" in client.open(url, timeout=60).read()
        home = url.partition("?")[0]
        clips = json.load(client.open(f"{home}api/clips?limit=5", timeout=60))["clips"]
        assert len(clips) == 5
        events = client.open(f"{home}api/events", timeout=60)
        assert events.readline().startswith(b"retry:")


def test_the_page_shows_the_clips_of_the_configured_organization(
    fake_elsewhere: FakeRhombus,
) -> None:
    with page(environment=environment_of(fake_elsewhere)) as url:
        client = browser()
        client.open(url, timeout=60).read()
        found = json.load(client.open(f"{url.partition('?')[0]}api/clips", timeout=60))
        assert found["clips"][0]["uuid"] == fake_elsewhere.clips[0]["uuid"]
        with pytest.raises(HTTPError) as refused:
            browser().open(f"{url.partition('?')[0]}api/clips", timeout=60)
        refused.value.close()
        assert refused.value.code == 401


def test_the_port_can_be_chosen(fake_elsewhere: FakeRhombus) -> None:
    """A port that is not available is an error with advice."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        message = invoke(fake_elsewhere, "web", "--demo", "--port", port, code=1).output
        assert re.search(f"port {port} .* choose another --port", message)
    with page("--demo", "--port", port) as url:
        assert url.startswith(f"http://127.0.0.1:{port}/?key=")


def test_without_a_key_the_command_says_what_to_do() -> None:
    result = subprocess.run(
        [*RUN, "web"], env=os.environ | {"RHOMBUS_API_KEY": ""}, text=True, capture_output=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert result.returncode == 2
    assert "RHOMBUS_API_KEY" in result.stderr
