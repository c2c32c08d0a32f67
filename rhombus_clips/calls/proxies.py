"""The proxy that environment variables select for a URL, following curl's rules.

The variables are ``https_proxy``, ``all_proxy`` and ``no_proxy``, in lowercase or uppercase. The
lowercase name takes precedence, and an empty variable counts as unset. For plain http, only the
lowercase ``http_proxy`` counts, because web servers pass the ``Proxy`` header of a request to CGI
programs as ``HTTP_PROXY``.
"""

import ipaddress
from collections.abc import Mapping
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit

from rhombus_clips.calls.hosts import host_mistake, ip_address, split_url
from rhombus_clips.errors import ConfigurationError

_PORTS = {"http": 80, "https": 443}
_SUPPORTED = "only http proxies are supported, such as http://user:password@host:3128"


def proxy_for(url: str, environment: Mapping[str, str]) -> str | None:
    """Return the URL of the proxy that *environment* selects for *url*; None for no proxy.

    Raises `ConfigurationError`, which never quotes the proxy's credentials, for a proxy that
    cannot be used.
    """
    target = urlsplit(url)
    name, proxy = _proxy_variable(target.scheme, environment)
    no_proxy = environment.get("no_proxy") or environment.get("NO_PROXY") or ""
    if not proxy or _is_excluded(target, no_proxy):
        return None
    return _checked(proxy if "://" in proxy else f"http://{proxy}", name)


def _proxy_variable(scheme: str, environment: Mapping[str, str]) -> tuple[str, str]:
    """Return the name and the value of the variable that applies, or two empty strings."""
    names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
    if scheme == "http":
        names.remove("HTTP_PROXY")
    for name in names:
        if value := environment.get(name, "").strip():
            return name, value
    return "", ""


def _checked(proxy: str, variable: str) -> str:
    """Return a valid proxy URL, with its credentials encoded as aiohttp needs them."""
    parts = split_url(proxy)
    if parts is None:
        raise ConfigurationError(f"{variable} is not a valid proxy URL: {_SUPPORTED}")
    if parts.scheme != "http":
        raise ConfigurationError(
            f"{variable} selects a proxy of type {parts.scheme}, but {_SUPPORTED}; for another"
            " type, pass http=, an aiohttp.ClientSession whose connector uses the proxy"
        )
    if (mistake := host_mistake(parts.hostname or "")) is not None:
        raise ConfigurationError(f"{variable} is invalid: its host {mistake}")
    credentials, at, address = parts.netloc.rpartition("@")
    user, colon, password = credentials.partition(":")
    if b":" in unquote_to_bytes(user):
        raise ConfigurationError(f"{variable} is invalid: a proxy's user must not contain a colon")
    netloc = _latin(user) + colon + _latin(password) + at + address
    return parts._replace(netloc=netloc).geturl()


def _latin(quoted: str) -> str:
    """Return *quoted* such that aiohttp, which encodes it as Latin-1, sends the intended bytes."""
    return quote(unquote_to_bytes(quoted).decode("latin-1"), safe="")


# --- no_proxy --------------------------------------------------------------------------------


def _is_excluded(target: SplitResult, no_proxy: str) -> bool:
    host = (target.hostname or "").removesuffix(".")
    port = target.port or _PORTS.get(target.scheme)
    entries = no_proxy.lower().replace(",", " ").split()
    return any(_covers(entry, host, port) for entry in entries)


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Return whether *entry*, a domain, an address, a network or ``*``, covers the host."""
    if entry == "*":
        return True
    pattern, entry_port = _without_port(entry)
    if entry_port not in {"", str(port)}:
        return False
    address = ip_address(host)
    if address is not None:
        return _is_in_network(address, pattern)
    if pattern.startswith("*."):
        return host.endswith(pattern[1:].removesuffix("."))
    domain = pattern.removeprefix(".").removesuffix(".")
    return bool(domain) and (host == domain or host.endswith(f".{domain}"))


def _without_port(entry: str) -> tuple[str, str]:
    """Return *entry* without its port and without brackets, and the port or an empty string."""
    if entry.startswith("["):
        address, _, rest = entry[1:].partition("]")
        suffix, _, port = rest.partition(":")
        return address + suffix, port
    pattern, _, port = entry.partition(":")
    return (entry, "") if ":" in port else (pattern, port)


def _is_in_network(address: ipaddress.IPv4Address | ipaddress.IPv6Address, pattern: str) -> bool:
    try:
        return address in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False
