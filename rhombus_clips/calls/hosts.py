"""Validation of base URLs and host names."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

from rhombus_clips.calls.auth import is_confidential
from rhombus_clips.errors import ConfigurationError

_LABEL = re.compile(r"[\w-]*")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_MAX_LENGTH = 253


def ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return *host* as an IP address, or None if it is a name. Brackets are not allowed."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def split_url(url: str) -> SplitResult | None:
    """Return the parts of *url*; None if it is malformed, has no host or has an invalid port."""
    try:
        parts = urlsplit(url)
        is_valid = bool(parts.hostname) and parts.port != 0 and url.isprintable()
    except (AttributeError, TypeError, ValueError):  # Callers may pass another type.
        return None
    return parts if is_valid and " " not in url else None


def host_mistake(host: str) -> str | None:
    """Return the reason why *host* is not a valid IP address or name; None if it is."""
    return _syntax_mistake(host) or length_mistake(host)


def length_mistake(host: str) -> str | None:
    """Return a message if *host* or one of its labels is too long or empty; None otherwise.

    No resolver can look up such a name, and Python's own raises `UnicodeError` for it.
    """
    if "[" in host or ip_address(host) is not None:
        return None
    try:
        name = host.removesuffix(".").encode("idna").decode("ascii")
    except UnicodeError:
        name = ""
    if not all(name.split(".")):
        return "is not a valid host name: each label must have 1 to 63 characters"
    if len(name) > _MAX_LENGTH:
        return f"is too long: a host name has at most {_MAX_LENGTH} characters"
    return None


def _syntax_mistake(host: str) -> str | None:
    """Return a message if *host* has invalid characters or is a malformed address; else None."""
    if ip_address(host.removeprefix("[").removesuffix("]")) is not None:
        return None
    if ":" in host or "[" in host:
        return "is not a valid IPv6 address"
    labels = host.removesuffix(".").split(".")
    if not all(_LABEL.fullmatch(label) for label in labels):
        return "is not a valid host name: use only letters, digits, hyphens and dots"
    if _NUMBER.fullmatch(labels[-1]):
        return "is not a valid IPv4 address: use four numbers between 0 and 255"
    return None


def checked_base_url(url: str, name: str = "base_url") -> SplitResult:
    """Return the parts of *url*, the base of all endpoints, without a trailing slash.

    *name* is the name of the setting, for messages.

    Raises `ConfigurationError` unless the URL uses ``https``, or ``http`` on a loopback address.
    """
    base = split_url(url)
    if base is None or base.scheme not in {"http", "https"}:
        given = "" if "@" in str(url) else f", not {url!r}"  # It may contain a password.
        raise ConfigurationError(f"{name} must be a URL such as https://host{given}")
    host = base.hostname or ""
    # A name that no resolver can look up fails when it is used, like one that does not exist.
    mistake = _syntax_mistake(f"[{host}]" if base.netloc.startswith("[") else host)
    if mistake is not None:
        raise ConfigurationError(f"invalid {name}: the host {host} {mistake}")
    if "@" in base.netloc or base.query or base.fragment:
        raise ConfigurationError(f"{name} must not contain a user, query or fragment")
    if not is_confidential(base):
        raise ConfigurationError(
            f"{name} must use https: over http, the API key would be sent to {host} unencrypted"
        )
    path = base.path.rstrip("/")
    if path.endswith("/api"):
        raise ConfigurationError(f"{name} must not end with /api: the endpoint paths start with it")
    return base._replace(path=path)
