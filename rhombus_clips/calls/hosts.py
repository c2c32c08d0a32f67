"""Base URLs and host names: which ones a resolver and aiohttp can take at all."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from rhombus_clips.calls.auth import is_confidential
from rhombus_clips.errors import ConfigurationError

_LETTERS = re.compile(r"[\w-]*")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_LONGEST_NAME = 253


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address that *host* is, without brackets; None for a name."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def host_mistake(host: str) -> str | None:
    """What is wrong with *host*, an IP address or a name; None if nothing is."""
    return _form_mistake(host) or length_mistake(host)


def length_mistake(host: str) -> str | None:
    """What is wrong with the length of *host* or of a part of it; None if nothing is.

    No resolver can look up such a name. Python's own raises `UnicodeError` for it.
    """
    name = host.removesuffix(".")
    if "[" in host or ip_address(host) is not None:
        return None
    try:
        name = name.encode("idna").decode("ascii")
    except UnicodeError:
        return "is not a host name: each part between two dots has 1 to 63 letters"
    if not all(name.split(".")):
        return "is not a host name: each part between two dots has 1 to 63 letters"
    if len(name) > _LONGEST_NAME:
        return f"is longer than the {_LONGEST_NAME} letters of a host name"
    return None


def _form_mistake(host: str) -> str | None:
    """What is wrong with the letters of *host*, or with the form of an address."""
    if ip_address(host.removeprefix("[").removesuffix("]")) is not None:
        return None
    if ":" in host or "[" in host:
        return "is not an IPv6 address"
    labels = host.removesuffix(".").split(".")
    if not all(_LETTERS.fullmatch(label) for label in labels):
        return "is not a host name: it consists of letters, digits, hyphens and dots"
    if _NUMBER.fullmatch(labels[-1]):
        return "is not an IPv4 address: write it as four numbers from 0 to 255"
    return None


def checked_base_url(url: str, name: str = "base_url") -> SplitResult:
    """*url* as the base of all endpoints, without a slash at its end; *name* is what to call it.

    Raises `ConfigurationError` unless it is ``https``, or ``http`` on the loopback.
    """
    try:
        base = urlsplit(url)
        host, port = base.hostname, base.port
    except (AttributeError, TypeError, ValueError):
        base, host, port = SplitResult("", "", "", "", ""), None, None
    if base.scheme not in {"http", "https"} or not host or not url.isprintable() or " " in url:
        given = "what was given" if "@" in str(url) else repr(url)  # It may hold a password.
        raise ConfigurationError(f"{name} must be a URL like https://host, not {given}")
    # A name that cannot be looked up is an error of the call, as one that does not exist.
    mistake = _form_mistake(f"[{host}]" if base.netloc.startswith("[") else host)
    if mistake is not None:
        raise ConfigurationError(f"{name} is wrong: the host {host} {mistake}")
    if port == 0:
        raise ConfigurationError(f"{name} is wrong: a port is a number from 1 to 65535")
    if "@" in base.netloc or base.query or base.fragment:
        raise ConfigurationError(f"{name} must have no user, query or fragment")
    if not is_confidential(base):
        raise ConfigurationError(
            f"{name} must be https: over http the API key would travel in clear to {host}"
        )
    path = base.path.rstrip("/")
    if path.endswith("/api"):
        raise ConfigurationError(f"{name} must leave off /api: the endpoints' paths begin with it")
    return base._replace(path=path)
