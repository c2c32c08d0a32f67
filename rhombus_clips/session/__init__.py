"""The session: its lifetime, one short coroutine per endpoint, the doors to the pagers."""

from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import aiohttp

from rhombus_clips._version import __version__
from rhombus_clips.calls import Caller
from rhombus_clips.codec import Document, structure
from rhombus_clips.config import DEFAULT_BASE_URL, settings_of_environment
from rhombus_clips.errors import ClipNotFoundError, ConfigurationError
from rhombus_clips.models import (
    ClipWithProgress,
    ClipWithProgressAnswer,
    SavedClipPage,
    SharedClipGroup,
    SplicedClip,
)
from rhombus_clips.models.moments import to_epoch_ms
from rhombus_clips.pacing import Pacing
from rhombus_clips.paging import SavedClipPager, SharedClipGroupPager
from rhombus_clips.paging.saved_clip_walk import OnDecodeError
from rhombus_clips.protocol.arguments import whole_number
from rhombus_clips.protocol.auth import AuthScheme, auth_headers, header_value
from rhombus_clips.protocol.clock import ClipTime, TimeRange
from rhombus_clips.protocol.endpoints import (
    GET_CLIP_WITH_PROGRESS,
    GET_SAVED_CLIPS,
    GET_SHARED_CLIP_GROUPS,
    GET_SPLICED_CLIPS_IN_PROGRESS,
)
from rhombus_clips.protocol.retry import RateLimit, RetryPolicy, Timeout
from rhombus_clips.protocol.windows import Window
from rhombus_clips.transport import Transport, checked_base_url, connections_of

_KEY_CHARACTERS_SHOWN = 4


class ClipSession:
    """A session with the clip API of one organization.

    Use it as ``async with ClipSession(api_key) as session: ...``; or make it anywhere, await its
    methods, and `aclose` it at the end. It opens its connections with the first call.

    All methods may be awaited from many tasks at once; they share the connections, the pause
    after a 429 and the client-side rate. It belongs to the event loop of its first call.

    :param api_key: The API key, sent as ``x-auth-apikey``.
    :param auth_scheme: What kind of key it is; an organization's token by default.
    :param org_uuid: The client organization that a partner acts for (``x-auth-org``).
    :param base_url: The service, ``https`` and without ``/api``; the US region by default. A key
        works in its own region only (EU: ``https://api2.eu.rhombussystems.com``).
    :param http: An `aiohttp.ClientSession` to borrow: it is neither closed nor changed, and its
        connector settles connections, proxies and TLS. By default the session makes its own.
    :param retry: How often and how patiently a failed call is sent again.
    :param timeout: How long a call may take.
    :param rate: A client-side rate, so as to stay below the organization's budget; none by
        default, as the budget's size is not published.
    :param user_agent: Put before the library's own name in ``User-Agent``.
    :param max_response_bytes: The largest body that is read, 64 MiB by default.
    :raises ConfigurationError: for settings that cannot work, before anything is sent.
    """

    def __init__(
        self,
        api_key: str,
        *,
        auth_scheme: AuthScheme | str = AuthScheme.API_TOKEN,
        org_uuid: str | None = None,
        base_url: str = DEFAULT_BASE_URL,
        http: aiohttp.ClientSession | None = None,
        retry: RetryPolicy = RetryPolicy(),
        timeout: Timeout = Timeout(),
        rate: RateLimit | None = None,
        user_agent: str | None = None,
        max_response_bytes: int = 64 * 1024 * 1024,
    ) -> None:
        try:
            self._scheme = AuthScheme(auth_scheme)
        except ValueError:
            known = ", ".join(AuthScheme)
            raise ConfigurationError(
                f"auth_scheme must be one of {known}, not {auth_scheme!r}"
            ) from None
        self._base_url = checked_base_url(base_url)
        agent = f"rhombus_clips/{__version__}"
        headers = {
            **auth_headers(api_key, self._scheme, org_uuid),
            "User-Agent": f"{header_value(user_agent, 'user_agent')} {agent}"
            if user_agent
            else agent,
        }
        self._key_ending = api_key[-_KEY_CHARACTERS_SHOWN:] if len(api_key) >= 16 else ""
        pacing = Pacing(rate, connections=connections_of(http))
        self._transport = Transport(
            self._base_url.geturl(),
            headers,
            http=http,
            timeout=timeout,
            max_response_bytes=max_response_bytes,
            pause=pacing.pause,
        )
        self._call = Caller(self._transport, pacing, retry, timeout, secret=api_key)

    @classmethod
    def from_env(cls, **settings: Any) -> Self:
        """A session with the key and the endpoint that the environment names.

        ``RHOMBUS_API_KEY`` is the key; ``RHOMBUS_ENDPOINT_URL`` the base URL, the US region when
        unset. The official command line reads the same two.

        :param settings: Any other setting of a session, and ``base_url`` instead of the variable.
        :raises ConfigurationError: when there is no key, or a setting cannot work.
        """
        return cls(**{**settings_of_environment(), **settings})

    # --- lifetime ----------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        self._transport.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the session; later calls, and those that wait, raise `SessionClosedError`.

        So do calls under way, except that a borrowed client session may still answer them.
        """
        await self._call.aclose()

    @property
    def is_closed(self) -> bool:
        """Whether `aclose` was called."""
        return self._transport.is_closed

    def __repr__(self) -> str:
        state = " closed" if self.is_closed else ""
        return (
            f"<ClipSession {self._base_url.hostname} {self._scheme} key …{self._key_ending}{state}>"
        )

    # --- endpoints: one request each ---------------------------------------------------------

    async def get_saved_clips(
        self, *, max_page_size: int = 100, page_timestamp_ms: datetime | int | None = None
    ) -> SavedClipPage:
        """One page of the organization's saved clips (``/api/event/getSavedClipsV2``).

        To read them all, see `saved_clips`.

        :param max_page_size: The most clips to list, 100 by default. The reference documents
            "up to 100" and neither promises nor rules out more.
        :param page_timestamp_ms: Where the page begins: the `last_evaluated_timestamp_ms` of the
            page before; None for the first page.
        :raises RhombusError: as every call, see the README's table.
        """
        whole_number(max_page_size, "max_page_size", least=1)
        return await self._call(
            GET_SAVED_CLIPS,
            {
                "max_page_size": max_page_size,
                "page_timestamp_ms": _epoch_ms(page_timestamp_ms, "page_timestamp_ms"),
            },
        )

    async def get_clip_with_progress(self, clip_uuid: str) -> ClipWithProgress:
        """A saved clip with how far its render has come (``/api/event/getClipWithProgress``).

        :param clip_uuid: The clip's uuid, 22 characters of url-safe base64.
        :raises ClipNotFoundError: when the service answers without a clip. What it answers for a
            uuid that it does not know is not documented; a 404 raises `NotFoundError`.
        """
        if not clip_uuid or str(clip_uuid) != clip_uuid:
            raise ValueError(f"clip_uuid must be a non-empty string, not {clip_uuid!r}")

        def clip_of(document: Document) -> Generator[None, None, ClipWithProgress]:
            answer = yield from structure(document, ClipWithProgressAnswer)
            if answer.clip is None:
                raise ClipNotFoundError(
                    f"there is no clip {clip_uuid}", warning_msg=answer.warning_msg
                )
            return answer.clip

        return await self._call.decoded_by(
            clip_of, GET_CLIP_WITH_PROGRESS, {"clip_uuid": clip_uuid}
        )

    async def get_shared_clip_groups(
        self,
        *,
        created_after: datetime | int | None = None,
        created_before: datetime | int | None = None,
    ) -> list[SharedClipGroup]:
        """The shared clip groups of the organization (``/api/event/getSharedClipGroupsV2``).

        The bounds are the service's own, sent as they are; the reference does not say whether
        they are inclusive. `shared_clip_groups` makes them exact.

        :param created_after: Only groups created after this: aware datetime or epoch milliseconds.
        :param created_before: Only groups created before this.
        """
        answer = await self._call(
            GET_SHARED_CLIP_GROUPS,
            {
                "created_after_ms": _epoch_ms(created_after, "created_after"),
                "created_before_ms": _epoch_ms(created_before, "created_before"),
            },
        )
        return answer.shared_clip_groups

    async def get_spliced_clips_in_progress(self) -> list[SplicedClip]:
        """The clips that are being spliced (``/api/event/getSplicedClipsInProgress``).

        The reference marks that endpoint deprecated. Where the service answers 404 or 410, its
        replacement ``/api/video/getSplicedClipsInProgress`` is used for the rest of the session.
        """
        answer = await self._call(GET_SPLICED_CLIPS_IN_PROGRESS, {})
        return answer.spliced_clips

    # --- pagers: as many requests as it takes, none before they are iterated -----------------

    def saved_clips(
        self,
        *,
        since: datetime | int | None = None,
        until: datetime | int | None = None,
        by: ClipTime = "timestamp_ms",
        cursor: datetime | int | None = None,
        page_size: int = 100,
        limit: int | None = None,
        overlap_ms: int = 1,
        on_decode_error: OnDecodeError | None = None,
    ) -> SavedClipPager:
        """Every saved clip of the organization, each once, in the service's order.

        :param since: Only clips at or after this: aware datetime or epoch milliseconds.
        :param until: Only clips before this.
        :param by: Which time of a clip the bounds are about: ``timestamp_ms``, when the footage
            begins, or ``created_at_ms``, when the clip was made. A clip that lacks it lies in no
            range. The listing stops early only once it is known to go by that time.
        :param cursor: Where another pager stopped, its `cursor`; None begins at the beginning.
        :param page_size: How many clips to ask for at once, 1 to 10,000; the reference documents
            pages of up to 100.
        :param limit: The most clips to yield; None for all.
        :param overlap_ms: 1 asks each page from a millisecond before the last cursor, so that
            clips that share it are not skipped; 0 sends the cursor as it came.
        :param on_decode_error: Called with an item that does not decode and the `DecodeError`;
            the listing then goes on. Without it the error is raised.
        :raises ValueError: for naive datetimes and numbers out of range.
        """
        times = TimeRange(by=by, since=_epoch_ms(since, "since"), until=_epoch_ms(until, "until"))
        return SavedClipPager(
            self._call,
            times=times,
            cursor=_epoch_ms(cursor, "cursor"),
            page_size=page_size,
            limit=limit,
            overlap_ms=overlap_ms,
            on_decode_error=on_decode_error,
        )

    def shared_clip_groups(
        self,
        *,
        created_after: datetime | int | None = None,
        created_before: datetime | int | None = None,
        window: timedelta | None = None,
    ) -> SharedClipGroupPager:
        """Every shared clip group with ``created_after <= creation time < created_before``.

        The service lists groups without pages. A window bounds what one answer holds: the range
        is walked window by window, newest first. Groups without a creation time are yielded too.

        :param created_after: The first moment: aware datetime or epoch milliseconds; None is open.
        :param created_before: The moment behind the last; None is open.
        :param window: The length of a window; needs `created_after`. None, the default, asks for
            the whole range at once.
        :raises ValueError: for naive datetimes, and for a window that cannot be walked.
        """
        start = _epoch_ms(created_after, "created_after")
        end = _epoch_ms(created_before, "created_before")
        length = None if window is None else window // timedelta(milliseconds=1)
        if length is not None and length < 1:
            raise ValueError(f"window must be at least a millisecond long, not {window!r}")
        if length is not None and start is None:
            raise ValueError("window needs created_after: an open range has no first window")
        windows = Window(start, end).split(length, now=to_epoch_ms(datetime.now(UTC)))
        return SharedClipGroupPager(self._call, windows=windows, cursor=end)


def _epoch_ms(moment: datetime | int | None, name: str) -> int | None:
    return None if moment is None else to_epoch_ms(moment, name)
