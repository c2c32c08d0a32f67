"""The authentication schemes of the service and their request headers."""

from enum import StrEnum
from urllib.parse import SplitResult

from rhombus_clips.errors import ConfigurationError

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Secret(str):
    """A string whose repr hides its value.

    It keeps the key out of tracebacks that show local variables, such as those of many error
    trackers, even where the key is a value in a mapping of headers.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "'[redacted]'"


class AuthScheme(StrEnum):
    """The value of the ``x-auth-scheme`` header.

    The two certificate schemes also require a client certificate on the TLS connection: pass it to
    the session as ``tls``.
    """

    API_TOKEN = "api-token"  # noqa: S105  # the scheme's public name, not a secret
    """An organization's key (the default)."""
    API = "api"
    """An organization's key with a client certificate."""
    PARTNER_API_TOKEN = "partner-api-token"  # noqa: S105  # as above
    """A partner's key."""
    PARTNER_API = "partner-api"
    """A partner's key with a client certificate."""


def auth_headers(api_key: str, scheme: AuthScheme, org_uuid: str | None) -> dict[str, str]:
    """Return the headers that authenticate a request.

    *org_uuid* is the uuid of the client organization that a partner acts for (``x-auth-org``).

    Raises `ConfigurationError`, which never quotes the key, for values that are not valid in a
    header.
    """
    headers = {"x-auth-scheme": scheme.value, "x-auth-apikey": header_value(api_key, "api_key")}
    if org_uuid is not None:
        headers["x-auth-org"] = header_value(org_uuid, "org_uuid")
    return headers


def header_value(value: str, name: str) -> str:
    """Return *value* if it is a non-empty string that is valid in an HTTP header.

    Raises `ConfigurationError`, which does not quote the value, otherwise.
    """
    if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        raise ConfigurationError(f"{name} must be a string, not {type(value).__name__}")
    if not value:
        raise ConfigurationError(f"{name} must not be empty")
    if not (value.isascii() and value.isprintable()) or value != value.strip():
        raise ConfigurationError(
            f"{name} must contain only printable ASCII characters, without surrounding spaces,"
            " because it is sent in an HTTP header"
        )
    return value


def is_confidential(url: SplitResult) -> bool:
    """Return whether requests to *url* are private, thanks to ``https`` or a loopback address."""
    return url.scheme == "https" or (url.scheme == "http" and url.hostname in _LOOPBACK)
