"""Where a redirect leads: resolved by our own rules, because a signed URL is valid byte for byte.

The standard library and yarl both normalize a URL: they drop an empty query, resolve dot segments
and change percent escapes. Each of these invalidates a signature.
"""

import re
from urllib.parse import SplitResult, urlsplit

from rhombus_clips.calls.auth import is_confidential
from rhombus_clips.calls.hosts import host_mistake
from rhombus_clips.errors import ConnectError, DownloadError

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_VISIBLE_ASCII = re.compile(r"[!-~]*")
_DEFAULT_PORTS = {"http": 80, "https": 443}

Origin = tuple[str, str, int | None]
"""Scheme, host and port. Two URLs with the same one are answered by the same host."""


def origin_of(url: str) -> Origin:
    """The origin of *url*, in one spelling.

    Raises `ValueError` for a URL whose port or IPv6 address is invalid.
    """
    parts = urlsplit(url)
    port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    return parts.scheme, parts.hostname or "", port


def host_of(url: str) -> str:
    """The host and port of *url*, for messages: the query may be a signature, which is secret."""
    return urlsplit(url).netloc.rpartition("@")[2]


def request_target(url: str) -> str:
    """What the request line names of *url*: path and query, as they are written there."""
    parts = urlsplit(url)
    rest = url[len(parts.scheme) + len("://") + len(parts.netloc) :]
    return rest if rest.startswith("/") else f"/{rest}"


def followed(url: str, location: str) -> str:
    """The URL that *location* in an answer from *url* names, without its fragment.

    Raises `DownloadError` unless it is ``https`` and well-formed; a URL on the loopback may also
    lead to another one there. Raises `ConnectError` for a host name that cannot exist.
    """
    if not _VISIBLE_ASCII.fullmatch(location):
        raise DownloadError("the media host redirects to a URL with characters that no URL has")
    target = _resolved(url, location.partition("#")[0])
    parts, is_well_formed = SplitResult("", "", "", "", ""), False
    try:
        parts = urlsplit(target)
        is_well_formed = parts.port != 0 and bool(parts.hostname)
    except ValueError:
        pass
    is_safe = parts.scheme == "https" or not url.startswith("https:")
    if not (is_well_formed and is_safe and is_confidential(parts)):
        raise DownloadError("the media host redirects to what is not https, which is not followed")
    if "@" in parts.netloc:
        raise DownloadError("the media host redirects to a URL with a user name in it")
    check_host(target)
    return target


def check_host(url: str) -> None:
    """Raise `ConnectError` when the host of *url* cannot exist.

    Otherwise it depends on the resolver whether such a name raises `UnicodeError`.
    """
    parts = urlsplit(url)
    name = parts.hostname or ""
    mistake = host_mistake(f"[{name}]" if "[" in parts.netloc else name)
    if mistake is None and "%" in name:
        mistake = "has a zone, which names an interface of another machine"
    if mistake is not None:
        raise ConnectError(f"cannot connect: the host {name[:80]!r} {mistake}", is_lasting=True)


def _resolved(url: str, location: str) -> str:
    """*location* relative to *url* (RFC 3986, 5.2); only a relative path loses dot segments."""
    if _SCHEME.match(location):
        scheme, _, rest = location.partition(":")
        return f"{scheme.lower()}:{rest}"
    parts = urlsplit(url)
    if location.startswith("//"):
        return f"{parts.scheme}:{location}"
    place = f"{parts.scheme}://{parts.netloc}"
    if location.startswith("/"):
        return place + location
    path, question_mark, query = request_target(url).partition("?")
    if not location:
        return f"{place}{path}{question_mark}{query}"
    if location.startswith("?"):
        return f"{place}{path}{location}"
    relative, question_mark, query = location.partition("?")
    merged = _without_dots(path[: path.rindex("/") + 1] + relative)
    return f"{place}{merged}{question_mark}{query}"


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
