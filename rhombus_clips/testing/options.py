"""The options of `FakeRhombus`, each declared once: name, type, default and meaning."""

import time
from collections.abc import Callable, Collection
from enum import Enum

from attrs import define, field

from rhombus_clips.calls.auth import AuthScheme
from rhombus_clips.calls.retry import RateLimit
from rhombus_clips.testing.delivery import Media
from rhombus_clips.testing.handlers import Handler, HandlerAnswer, Handlers, checked_handlers
from rhombus_clips.testing.listing import Listing


class UnknownClip(Enum):
    """The response for a clip that does not exist; the reference does not specify it."""

    NULL = "null"
    """200 with ``clip: null``."""
    REFUSED = "refused"
    """200 with ``error: true``."""
    NOT_FOUND = "not found"
    """404."""


class Updates(Enum):
    """How an update treats fields that the request omits or sets to null."""

    WHOLE = "whole"
    """Clear them, as the vendor's own client describes ``updateSavedClip``."""
    SELECTIVE = "selective"
    """Keep them, as the reference states."""


@define(kw_only=True, eq=False, slots=False, repr=False)
class FakeOptions:
    """The keyword arguments of `FakeRhombus`.

    Each is also an attribute, except *now*. Seed, creation times and ports are read once; all other
    attributes can be changed at any time. Durations are in seconds.
    """

    # --- generated clips -------------------------------------------------------------------------

    seed: int = 0
    """The seed of the generated data. The same seed always generates the same clips."""
    created_after: float | None = None
    """The delay between the start of a generated clip's recording and its creation.

    5.0 keeps the two times parallel, 0.0 makes them equal. None: random, up to two days."""
    created_jitter: float = 0.0
    """The largest random deviation from *created_after*, in either direction."""

    # --- listings --------------------------------------------------------------------------------

    listing: Listing = Listing()
    """The order, cursor and page ends of ``getSavedClipsV2``."""
    hidden: Collection[str] = ()
    """Uuids of clips that count towards a page and are left out of it.

    A service that filters a page by the caller's permissions behaves this way."""
    unknown_clip: UnknownClip = UnknownClip.NULL
    """The response for a clip or a shared group that does not exist.

    Changes are refused with ``error: true`` where reads return null."""
    bounds_are_inclusive: bool = False
    """True if the bounds of a time filter are part of its range."""
    updates: Updates = Updates.WHOLE
    """How an update treats the fields that it omits."""

    # --- renders ---------------------------------------------------------------------------------

    render_seconds: float = 2.0
    """The duration of the render of a splice."""
    appears_after: float = 0.0
    """The delay before other endpoints return a new splice."""
    renders_fail: bool = False
    """True to make new renders fail halfway."""
    clip_per_device: bool = False
    """True if a splice of several devices creates one clip per device instead of one clip."""
    max_splice_duration: int | None = 3600
    """The longest splice, or None for no limit."""

    # --- HTTP ------------------------------------------------------------------------------------

    media: Media = Media()
    """How the media host serves files."""
    api_key: str = "FAKEfakeFAKEfakeFAKE00"
    """The API key that is accepted."""
    auth_scheme: AuthScheme = AuthScheme.API_TOKEN
    """The authentication scheme that is accepted."""
    org_uuid: str | None = None
    """The client organization that requests of a partner scheme must name."""
    rate: RateLimit | None = None
    """The rate limit of the organization, or None for no limit. Excess requests get a 429."""
    gone: Collection[str] = ()
    """Paths of endpoints that were removed; they respond with 410."""
    handlers: Handlers = field(
        factory=dict[str, HandlerAnswer | Handler], validator=checked_handlers
    )
    """Further endpoints by their paths, or replacements of existing ones.

    A value is a response, or a function, plain or async, that takes a `ReceivedRequest` and returns
    one. A response is a dict (status 200, sent unchanged), a tuple of a status and a dict, a model,
    a `faults.Respond` or an `aiohttp.web.Response`. An exception of a function becomes a 500 that
    names it. Credentials, rate limit, faults and `requests` work as for the other endpoints."""
    warning_msg: str | None = None
    """The ``warningMsg`` of every response, except those of *handlers*."""
    port: int = 0
    """The port of the API. 0 picks a free port when the server starts."""
    media_port: int = 0
    """The port of the media host. 0 picks a free port when the server starts."""

    # --- time ------------------------------------------------------------------------------------

    _now: Callable[[], float] = field(default=time.time, alias="now")
    """The clock of renders, creation times and ``Date`` headers, in epoch seconds.

    Pass a clock that your test controls to move time without waiting."""
    clock_skew: float = 0.0
    """The time by which the clock of the service is ahead of *now*."""
    sends_date: bool = True
    """True if responses have a ``Date`` header."""
