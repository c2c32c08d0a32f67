"""Translation of aiohttp's exceptions into the library's errors.

No message names a proxy, whose URL may contain credentials, or quotes a message of aiohttp, which
may contain headers.
"""

import aiohttp
from aiohttp.http_exceptions import DecompressSizeError

from rhombus_clips import errors

_NEVER_SENT = (
    aiohttp.ClientHttpProxyError,
    aiohttp.ClientConnectorError,
    aiohttp.ServerFingerprintMismatch,
    aiohttp.InvalidURL,
)


def transport_error(
    error: Exception, *, connect: float, read: float, total: float, was_sent: bool = True
) -> errors.RhombusError:
    """Return the library's error for *error*.

    :param connect: The time limit for connecting. The limits are in seconds, for the message.
    :param read: The time limit between two reads.
    :param total: The time limit for the rest of the call.
    :param was_sent: Whether the request may have been sent before the failure.
    """
    match error:
        case aiohttp.ConnectionTimeoutError():
            return errors.ConnectError(f"no connection was established within {connect:g} s")
        case aiohttp.SocketTimeoutError():
            return errors.DisconnectedError(f"no data was received for {read:g} s")
        case TimeoutError() if not was_sent:
            return errors.DeadlineExceededError(
                "the time limit expired before the request was sent"
            )
        case TimeoutError():
            return errors.DeadlineExceededError(
                f"no complete response within the remaining {total:.1f} s"
            )
        case _ if not was_sent or isinstance(error, _NEVER_SENT):
            return _connect_error(error)
        case aiohttp.ClientPayloadError(__cause__=DecompressSizeError()):
            return errors.DecodeError(
                "the compressed body expands beyond aiohttp's limit",
                expected="a body with a plausible compression ratio",
                value_excerpt="a compressed body",
            )
        case aiohttp.ClientPayloadError():
            return errors.DisconnectedError("the body was truncated or corrupt")
        case aiohttp.ClientResponseError():
            return errors.DisconnectedError("the response is not valid HTTP")
        case _:
            return errors.DisconnectedError(f"the connection failed: {type(error).__name__}")


def _connect_error(error: Exception) -> errors.ConnectError:
    match error:
        case aiohttp.ClientHttpProxyError(status=status):
            return errors.ConnectError(
                f"the proxy refused the connection with HTTP {status}", is_lasting=status == 407
            )
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ServerFingerprintMismatch():
            return errors.ConnectError(f"cannot connect: {error}", is_lasting=True)
        case aiohttp.ClientConnectorError():
            return errors.ConnectError(f"cannot connect: {error}")
        case aiohttp.InvalidURL():
            return errors.ConnectError("cannot connect: aiohttp rejects the URL", is_lasting=True)
        case _:
            return errors.ConnectError(f"the request could not be sent: {described(error)}")


def described(error: Exception) -> str:
    """Return the class name of *error*, followed by its message unless that is aiohttp's."""
    kind = type(error).__name__
    return kind if isinstance(error, aiohttp.ClientError) else f"{kind}: {error}"


def closed_meanwhile() -> errors.SessionClosedError:
    """Return the error for a request whose session was closed while it ran."""
    return errors.SessionClosedError("the session was closed during the call")
