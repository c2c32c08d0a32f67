"""Who is asking: the authentication schemes of the service and their headers."""

from enum import StrEnum
from urllib.parse import SplitResult

from rhombus_clips.errors import ConfigurationError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Secret(str):
    """A string whose repr does not show it, wherever it is: in a mapping of headers, in a frame.

    A traceback that shows local variables, as many error trackers make one, calls `repr`.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[redacted]'"


class AuthScheme(StrEnum):
    """The ``x-auth-scheme`` of a request.

    The two certificate schemes also need a client certificate on the TLS connection: lend the
    session an `aiohttp.ClientSession` whose connector has it.
    """

    API_TOKEN = "api-token"  # noqa: S105  # the scheme's public name, no secret
    """An organization's key (the default)."""
    API = "api"
    """An organization's key with a client certificate."""
    PARTNER_API_TOKEN = "partner-api-token"  # noqa: S105  # as above
    """A partner's key."""
    PARTNER_API = "partner-api"
    """A partner's key with a client certificate."""


def auth_headers(api_key: str, scheme: AuthScheme, org_uuid: str | None) -> dict[str, str]:
    """The headers that say who is asking.

    *org_uuid* is the client organization that a partner acts for (``x-auth-org``).

    Raises `ConfigurationError`, which never quotes the key, for values that no header can carry.
    """
    headers = {"x-auth-scheme": scheme.value, "x-auth-apikey": header_value(api_key, "api_key")}
    if org_uuid is not None:
        headers["x-auth-org"] = header_value(org_uuid, "org_uuid")
    return headers


def header_value(value: str, name: str) -> str:
    """*value*, if it is a non-empty string of visible ASCII characters."""
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # callers err
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise ConfigurationError(f"{name} is empty")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise ConfigurationError(
            f"{name} has a character that no HTTP header can carry: a control character such as a"
            " line break, a character beyond ASCII, or a blank at its beginning or end"
        )
    return value


def is_confidential(url: SplitResult) -> bool:
    """Whether nobody on the way can read what is sent there: ``https``, or on the loopback."""
    return url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
