"""Profiles in ``~/.rhombus``, as the official command-line client writes them."""

import logging
import os
import ssl
import stat
from configparser import Error, RawConfigParser
from pathlib import Path
from typing import Any

from rhombus_clips.errors import ConfigurationError

logger: logging.Logger = logging.getLogger("rhombus_clips")

DEFAULT_PROFILE = "default"
_SHARED = stat.S_IRWXG | stat.S_IRWXO


def find_profile(folder: Path, name: str, *, named_by: str | None = None) -> dict[str, Any]:
    """Return the session settings of a profile; empty if it does not exist.

    The file ``credentials`` has a section per profile with the key: ``api_key``, ``auth_type``
    (``token`` or ``cert``), ``cert_file``, ``key_file`` and ``is_partner``. The file ``config``
    has its hosts, in the section ``default`` or ``profile NAME``: ``endpoint_url`` and, which only
    this library reads, ``media_url``.

    :param folder: The folder of both files.
    :param name: The name of the profile.
    :param named_by: What names the profile, which must exist then.
    :raises ConfigurationError: if a file or the profile is invalid, or a named one is missing.
    """
    path = folder / "credentials"
    credentials = _read(path)
    if not credentials.has_section(name) or not credentials[name].get("api_key"):
        if named_by is None:
            return {}
        lacks = "has no api_key" if credentials.has_section(name) else "does not exist"
        known = ", ".join(credentials.sections()) or "none"
        raise ConfigurationError(
            f"the profile {name!r} (from {named_by}) {lacks} in {path}; its profiles: {known}"
        )
    _warn_if_shared(path)
    return {
        **_kind_of_key(credentials, name, path),
        **_hosts(_read(folder / "config"), name),
        "api_key": credentials[name]["api_key"],
    }


def _read(path: Path) -> RawConfigParser:
    """Return the sections of a file; none if it does not exist."""
    # Keys may contain %, and no section applies to all others.
    parser = RawConfigParser(strict=False, default_section="")
    try:
        parser.read_string(path.read_text("utf-8-sig"))
        return parser
    except (FileNotFoundError, NotADirectoryError):
        return parser
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
    except UnicodeDecodeError:
        problem = "cannot be read: it is not UTF-8"
    except Error as error:
        problem = f"has {_invalid_lines(error)}"
    # Outside of the handlers, because these errors quote the file, which has keys.
    raise ConfigurationError(f"{path} {problem}")


def _invalid_lines(error: Error) -> str:
    numbers = [getattr(error, "lineno", 0), *(number for number, _ in getattr(error, "errors", ()))]
    lines = ", ".join(str(number) for number in sorted({*numbers}) if number)
    return f"lines that are neither '[profile]' nor 'name = value': {lines}"


def _hosts(config: RawConfigParser, name: str) -> dict[str, str]:
    sections = (name,) if name == DEFAULT_PROFILE else (f"profile {name}", name)
    for section in filter(config.has_section, sections):
        hosts = {"base_url": "endpoint_url", "media_url": "media_url"}
        found = {setting: config[section].get(key) for setting, key in hosts.items()}
        return {setting: value for setting, value in found.items() if value}
    return {}


def _kind_of_key(credentials: RawConfigParser, name: str, path: Path) -> dict[str, Any]:
    section = credentials[name]
    partner = "partner-" if section.get("is_partner", "").lower() == "true" else ""
    kind = section.get("auth_type") or "token"
    if kind == "token":
        return {"auth_scheme": f"{partner}api-token"}
    files = section.get("cert_file"), section.get("key_file")
    if kind != "cert" or not all(files):
        raise ConfigurationError(
            f"the profile {name!r} in {path} must have auth_type = token, or auth_type = cert with"
            " a cert_file and a key_file"
        )
    certificate, key = (Path(file or "").expanduser() for file in files)
    tls = _with_certificate(certificate, key)
    # Both hosts use the same authentication.
    return {"auth_scheme": f"{partner}api", "tls": tls, "media_ssl": tls}


def _with_certificate(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.create_default_context()
    try:
        # Without a password, OpenSSL would ask for it on the terminal.
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # includes ssl.SSLError
        reason = error.strerror or error
        raise ConfigurationError(
            f"the certificate {certificate} with the key {key} cannot be used: {reason}"
        ) from None
    return context


def _warn_if_shared(path: Path) -> None:
    if os.name == "posix" and path.stat().st_mode & _SHARED:
        logger.warning("%s can be read by other users: run chmod 600 %s", path, path)
