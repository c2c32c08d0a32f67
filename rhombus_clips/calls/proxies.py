"""Which proxy the environment names for a URL, by the rules of curl.

``https_proxy`` and ``HTTPS_PROXY``, ``all_proxy`` and ``ALL_PROXY``, ``no_proxy`` and ``NO_PROXY``:
of two spellings the lower case one wins, and an empty variable counts as unset. For plain http
only the lower case ``http_proxy`` counts, because a web server passes a request's ``Proxy``
header to CGI programs as ``HTTP_PROXY``.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from rhombus_clips.calls.hosts import host_mistake, ip_address
from rhombus_clips.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}
_SUPPORTED = "only http proxies are supported, as in http://user:password@host:3128"


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """The URL of the proxy that *environment* names for *url*; None for a direct connection.

    Raises `ConfigurationError`, which never quotes the proxy's credentials, for a proxy that
    cannot be used.
    """
    target = urlsplit(url)
    name, proxy = _proxy_variable(target.scheme, environment)
    if not proxy or _is_excluded(target, _either_case("no_proxy", environment)):
        return None
    return _checked(proxy if "://" in proxy else f"http://{proxy}", name)


def _proxy_variable(scheme: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """The variable that names the proxy, and its value."""
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if scheme == "http":
        names.remove("HTTP_PROXY")
    for name in names:
        if value := environment.get(name, "").strip():
            return name, value
    return "", ""


def _either_case(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name) or environment.get(name.upper()) or ""


def _checked(proxy: str, variable: str) -> str:
    try:
        parts = urlsplit(proxy)
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = SplitResult("http", "", "", "", ""), None, None
    if parts.scheme != "http":
        raise ConfigurationError(
            f"{variable} names a proxy of the type {parts.scheme}, but {_SUPPORTED}; to use another"
            " one, pass http=, an aiohttp.ClientSession whose connector connects through it"
        )
    if not host or port == 0 or not proxy.isprintable() or " " in proxy:
        raise ConfigurationError(f"{variable} is not the URL of a proxy: {_SUPPORTED}")
    mistake = host_mistake(host)
    if mistake is not None:
        raise ConfigurationError(f"{variable} is wrong: its host {mistake}")
    credentials, at, address = parts.netloc.rpartition("@")
    user, colon, password = credentials.partition(":")
    if b":" in unquote_to_bytes(user):
        raise ConfigurationError(f"{variable} is wrong: the user of a proxy must have no colon")
    netloc = _latin(user) + colon + _latin(password) + at + address
    return parts._replace(netloc=netloc).geturl()


def _latin(quoted: str) -> str:
    """*quoted* so that aiohttp, which sends Latin-1, sends the very bytes that it stands for."""
    return quote(unquote_to_bytes(quoted).decode("latin-1"), safe="")


# --- no_proxy --------------------------------------------------------------------------------


def _is_excluded(target: SplitResult, no_proxy: str) -> bool:
    host = (target.hostname or "").removesuffix(".")
    port = target.port or _PORTS.get(target.scheme)
    entries = no_proxy.lower().replace(",", " ").split()
    return any(_covers(entry, host, port) for entry in entries)


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether *entry* of ``no_proxy`` covers a host: ``*``, a domain, an address or a network."""
    if entry == "*":
        return True
    pattern, entry_port = _without_port(entry)
    if entry_port is not None and entry_port != str(port):
        return False
    address = ip_address(host)
    if address is not None:
        return _is_in_network(address, pattern)
    if pattern.startswith("*."):
        return host.endswith(pattern[1:].removesuffix("."))
    domain = pattern.removeprefix(".").removesuffix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _without_port(entry: str) -> tuple[str, str | None]:
    """*entry* without its port and without brackets, and the port."""
    if entry.startswith("["):
        address, _, rest = entry[1:].partition("]")
        suffix, _, port = rest.partition(":")
        return address + suffix, port or None
    if entry.count(":") == 1:
        pattern, _, port = entry.partition(":")
        return pattern, port or None
    return entry, None


def _is_in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, pattern: str) -> bool:
    try:
        return address in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False
