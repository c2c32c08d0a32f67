"""The key and what belongs to it come from one source: arguments, a profile, or the environment."""

import logging
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from aiohttp import web

from rhombus_clips import ClipSession, ConfigurationError
from rhombus_clips.testing import FakeRhombus

KEYS = {name: f"{name:x<18}{name[-4:]:y>4}" for name in ("env", "default", "work", "partner")}
EU = "https://api2.eu.rhombussystems.com"
US = "https://api2.rhombussystems.com"

CREDENTIALS = f"""\
[default]
api_key = {KEYS["default"]}

[work]
api_key = {KEYS["work"]}
auth_type = token
is_partner = false
ws_api_key = 100%25

[partner]
api_key={KEYS["partner"]}
is_partner = true

[empty]
oauth_client_secret = s
"""
CONFIG = f"""\
[default]
output = json

[profile work]
endpoint_url = {EU}
media_url = https://media.eu.example
output = json

[partner]
endpoint_url = {EU}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with the files of the official command, and an environment without settings."""
    for name in ("API_KEY", "ENDPOINT_URL", "MEDIA_URL", "PROFILE"):
        monkeypatch.delenv(f"RHOMBUS_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".rhombus"
    folder.mkdir()
    (folder / "config").write_text(CONFIG)
    (folder / "credentials").write_text(CREDENTIALS)
    (folder / "credentials").chmod(0o600)
    return tmp_path


def used(session: ClipSession) -> tuple[str, str, str]:
    """Return the name of the key, its scheme, and the host, as the repr shows them."""
    _, host, scheme, _, ending = repr(session).rstrip(">").split()
    name = next(name for name, key in KEYS.items() if ending == f"…{key[-4:]}")
    return name, scheme, f"https://{host}"


@pytest.mark.parametrize(
    ("environment", "profile", "expected"),
    [
        ({}, None, ("default", "api-token", US)),
        ({}, "default", ("default", "api-token", US)),
        ({}, "work", ("work", "api-token", EU)),
        ({}, "partner", ("partner", "partner-api-token", EU)),
        ({"API_KEY": "env"}, None, ("env", "api-token", US)),
        ({"API_KEY": "env", "ENDPOINT_URL": EU}, None, ("env", "api-token", EU)),
        ({"API_KEY": "env", "ENDPOINT_URL": EU}, "default", ("default", "api-token", US)),
        ({"API_KEY": "env"}, "work", ("work", "api-token", EU)),
        ({"PROFILE": "work"}, None, ("work", "api-token", EU)),
        ({"PROFILE": "work", "API_KEY": "env"}, None, ("work", "api-token", EU)),
        ({"PROFILE": "work", "ENDPOINT_URL": US}, None, ("work", "api-token", EU)),
        ({"PROFILE": "work"}, "partner", ("partner", "partner-api-token", EU)),
        ({"PROFILE": "", "API_KEY": ""}, None, ("default", "api-token", US)),
    ],
)
@pytest.mark.parametrize("make", [ClipSession.from_env, ClipSession.for_web])
@pytest.mark.usefixtures("home")
def test_a_key_is_used_with_its_own_host_and_kind(
    make: Callable[..., ClipSession],
    environment: dict[str, str],
    profile: str | None,
    expected: tuple[str, str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A named profile precedes the environment, which precedes the default profile."""
    for name, value in environment.items():
        monkeypatch.setenv(
            f"RHOMBUS_{name}", KEYS.get(value, value) if name == "API_KEY" else value
        )
    assert used(make(profile=profile)) == expected


@pytest.mark.usefixtures("home")
def test_the_media_host_belongs_to_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RHOMBUS_MEDIA_URL", "https://media.env.example")
    session = ClipSession.from_env(profile="work")
    assert session._media._base_as_sent() == "https://media.eu.example"
    monkeypatch.setenv("RHOMBUS_API_KEY", KEYS["env"])
    assert ClipSession.from_env()._media._base_as_sent() == "https://media.env.example"


@pytest.mark.usefixtures("home")
def test_arguments_override_what_a_source_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that is an argument takes nothing from the environment."""
    session = ClipSession.from_env(profile="work", base_url=US, auth_scheme="partner-api-token")
    assert used(session) == ("work", "partner-api-token", US)
    monkeypatch.setenv("RHOMBUS_API_KEY", KEYS["default"])
    monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", EU)
    monkeypatch.setenv("RHOMBUS_PROFILE", "work")
    assert used(ClipSession.from_env(api_key=KEYS["env"])) == ("env", "api-token", US)


@pytest.mark.usefixtures("home")
def test_a_client_organization_implies_the_key_of_a_partner(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Unless a profile says what its key is, as with the official command."""
    assert used(ClipSession.from_env(profile="work", org_uuid="o"))[1] == "api-token"
    monkeypatch.setenv("RHOMBUS_API_KEY", KEYS["env"])
    assert used(ClipSession.from_env(org_uuid="o"))[1] == "partner-api-token"


@pytest.mark.parametrize("variable", ["RHOMBUS_ENDPOINT_URL", "RHOMBUS_MEDIA_URL"])
@pytest.mark.usefixtures("home")
def test_the_key_of_the_default_profile_never_meets_a_host_of_the_environment(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=f"{variable} would apply.*RHOMBUS_API_KEY"):
        ClipSession.from_env()


def test_an_error_lists_the_places_that_were_searched(home: Path) -> None:
    (home / ".rhombus" / "credentials").unlink()
    with pytest.raises(ConfigurationError) as caught:
        ClipSession.from_env()
    path = str(home / ".rhombus" / "credentials")
    for place in ("RHOMBUS_API_KEY", "RHOMBUS_PROFILE", "default", path):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("absent", "'absent' .from profile. does not exist in .*credentials; .*work, partner"),
        ("empty", "'empty' .from profile. has no api_key"),
        ("Work", "does not exist"),
        ("", "name of a profile"),
        (5, "name of a profile"),
        (b"work", "name of a profile"),
    ],
)
@pytest.mark.usefixtures("home")
def test_a_profile_that_cannot_be_used_is_an_error(
    profile: Any, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The environment does not replace it."""
    monkeypatch.setenv("RHOMBUS_API_KEY", KEYS["env"])
    with pytest.raises(ConfigurationError, match=message):
        ClipSession.from_env(profile=profile)


@pytest.mark.usefixtures("home")
def test_a_key_and_a_profile_exclude_each_other() -> None:
    for make in (
        lambda: ClipSession.from_env(profile="work", api_key=KEYS["env"]),
        lambda: ClipSession.for_web(KEYS["env"], profile="work"),
    ):
        with pytest.raises(ConfigurationError, match="either api_key or profile") as caught:
            make()
        assert KEYS["env"] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{KEYS['work']}\n".encode(), "neither.*: 1"),
        (f"[work]\n{KEYS['work']}\n".encode(), "neither.*: 2"),
        (
            f"[work]\nauth_type = cert\napi_key = {KEYS['work']}".encode(),
            "a cert_file and a key_file",
        ),
        (f"[work]\nauth_type = ticket\napi_key = {KEYS['work']}".encode(), "auth_type"),
        (b"\xff\xfe", "not UTF-8"),
    ],
)
def test_an_invalid_file_is_reported_without_its_content(
    home: Path, text: bytes, message: str
) -> None:
    (home / ".rhombus" / "credentials").write_bytes(text)
    with pytest.raises(ConfigurationError, match=message) as caught:
        ClipSession.from_env(profile="work")
    error: BaseException | None = caught.value
    while error is not None:
        assert KEYS["work"] not in str(error)
        error = error.__context__


def test_files_of_an_editor_of_windows_are_read(home: Path) -> None:
    """With a byte order mark and other line ends."""
    text = CREDENTIALS.replace("\n", "\r\n").encode("utf-8-sig")
    (home / ".rhombus" / "credentials").write_bytes(text)
    assert used(ClipSession.from_env())[0] == "default"


def test_credentials_that_other_users_can_read_are_reported(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = home / ".rhombus" / "credentials"
    with caplog.at_level(logging.WARNING):
        ClipSession.from_env()
        assert caplog.messages == []
        path.chmod(0o640)
        ClipSession.from_env()
    assert caplog.messages == [f"{path} can be read by other users: run chmod 600 {path}"]


@pytest.mark.parametrize("partner", [False, True])
async def test_a_profile_with_a_certificate_presents_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, *, partner: bool
) -> None:
    """To a host that requires it; its scheme is that of a key with a certificate."""
    authority, folder = trustme.CA(), home / ".rhombus"
    authority.cert_pem.write_to_path(home / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(home / "authority.pem"))
    certificate = authority.issue_cert("client.example")
    (folder / "certificate.pem").write_bytes(certificate.cert_chain_pems[0].bytes())
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    seen = list[tuple[Any, str]]()

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        seen.append(
            (request.transport.get_extra_info("peercert"), request.headers["x-auth-scheme"])
        )
        return web.json_response({"savedClipCount": 1, "totalSavedClipCount": 1})

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(tls)
    tls.verify_mode = ssl.CERT_REQUIRED
    runner = web.ServerRunner(web.Server(answer))  # type: ignore[arg-type]  # BaseRequest is meant
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
    await site.start()
    host, port = runner.addresses[0]
    (folder / "config").write_text(f"[profile work]\nendpoint_url = https://{host}:{port}\n")
    (folder / "credentials").write_text(
        f"[work]\napi_key = {KEYS['work']}\nauth_type = cert\nis_partner = {partner}\n"
        "cert_file = ~/.rhombus/certificate.pem\nkey_file = ~/.rhombus/key.pem\n"
    )
    (folder / "credentials").chmod(0o600)
    try:
        async with ClipSession.from_env(profile="work") as session:
            await session.get_saved_clip_count()
    finally:
        await runner.cleanup()
    ((presented, scheme),) = seen
    assert presented["subjectAltName"] == (("DNS", "client.example"),)
    assert scheme == ("partner-api" if partner else "api")


def test_a_certificate_that_cannot_be_used_is_an_error(home: Path) -> None:
    """Missing, or with a key that has a password, which nobody is asked for."""
    path = home / ".rhombus" / "credentials"
    path.write_text(
        f"[work]\napi_key = {KEYS['work']}\nauth_type = cert\ncert_file = /absent\nkey_file = /x\n"
    )
    with pytest.raises(ConfigurationError, match=r"/absent .* No such file"):
        ClipSession.from_env(profile="work")


async def test_tls_and_http_exclude_each_other(fake: FakeRhombus) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(ConfigurationError, match="either tls or http"):
            ClipSession(fake.api_key, tls=ssl.create_default_context(), http=http)
