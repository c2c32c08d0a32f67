"""Redirects of the media host, resolved without changing a byte of a signed URL.

The standard library and yarl both normalize a URL: they drop an empty query, resolve dot segments
and change percent escapes. Each of these invalidates a signature.
"""

import re
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from rhombus_clips.calls.auth import is_confidential
from rhombus_clips.calls.hosts import host_mistake
from rhombus_clips.errors import ConnectError, DownloadError
from rhombus_clips.media.head import Head

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_VISIBLE_ASCII = re.compile(r"[!-~]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

Origin = tuple[str, str, int | None]
"""Scheme, host and port, which identify a server."""


def origin_of(url: str) -> Origin:
    """Return the origin of *url* in a normalized spelling.

    Raises `ValueError` for a URL whose port or IPv6 address is invalid.
    """
    parts = urlsplit(url)
    port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, parts.hostname or "", port


def host_of(url: str) -> str:
    """Return the host and port of *url*, for messages; the query may be a secret signature."""
    return urlsplit(url).netloc.rpartition("@")[2]


def request_target(url: str) -> str:
    """Return the path and query of *url*, unchanged, for the request line."""
    parts = urlsplit(url)
    rest = url[len(parts.scheme) + len("://") + len(parts.netloc) :]
    return rest if rest.startswith("/") else f"/{rest}"


def redirect_target(url: str, head: Head) -> str | None:
    """Return the URL to which a response from *url* redirects; None if it does not redirect.

    The fragment is removed. Raises `DownloadError` unless the target is well-formed and ``https``;
    a URL on the loopback interface may also redirect to another one there. Raises `ConnectError`
    for a host name that cannot exist.
    """
    location = head.headers.get("Location")
    if head.status not in _REDIRECTS or location is None:
        return None
    if not _VISIBLE_ASCII.fullmatch(location):
        raise DownloadError("the media host redirects to a URL with invalid characters")
    target = _resolved(url, location.partition("#")[0])
    parts, is_well_formed = SplitResult("", "", "", "", ""), False
    with suppress(ValueError):
        parts = urlsplit(target)
        is_well_formed = parts.port != 0 and bool(parts.hostname)
    is_safe = parts.scheme == "https" or not url.startswith("https:")
    if not (is_well_formed and is_safe and is_confidential(parts)):
        raise DownloadError("the media host redirects to a URL that is not https")
    if "@" in parts.netloc:
        raise DownloadError("the media host redirects to a URL that contains a user name")
    check_host(target)
    return target


def check_host(url: str) -> None:
    """Raise `ConnectError` if the host of *url* cannot exist.

    Without this check, some resolvers raise `UnicodeError` for such a name.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    mistake = host_mistake(f"[{name}]" if "[" in parts.netloc else name)
    if mistake is None and "%" in name:
        mistake = "has a zone, which is valid on one machine only"
    if mistake is not None:
        raise ConnectError(f"cannot connect: the host {name[:80]!r} {mistake}", is_lasting=True)


def _resolved(url: str, location: str) -> str:
    """Resolve *location* against *url* (RFC 3986, 5.2), with dot segments removed only from a
    relative path.
    """
    if _SCHEME.match(location):
        scheme, _, rest = location.partition(":")
        return f"{scheme.lower()}:{rest}"
    parts = urlsplit(url)
    if location.startswith("//"):
        return f"{parts.scheme}:{location}"
    origin = f"{parts.scheme}://{parts.netloc}"
    if location.startswith("/"):
        return origin + location
    path, question_mark, query = request_target(url).partition("?")
    if not location:
        return f"{origin}{path}{question_mark}{query}"
    if location.startswith("?"):
        return f"{origin}{path}{location}"
    relative, question_mark, query = location.partition("?")
    merged = _without_dots(path[: path.rindex("/") + 1] + relative)
    return f"{origin}{merged}{question_mark}{query}"


def _without_dots(path: str) -> str:
    kept: list[str] = []
    *folders, last = path.split("/")[1:]
    for segment in folders:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if last == "..":
        del kept[-1:]
    return "/" + "/".join([*kept, "" if last in {".", ".."} else last])
