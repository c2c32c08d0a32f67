"""What an organization has: its clips, the pages that share them, its renders, its knobs."""

import hashlib
import itertools
import time
from collections.abc import Callable, Collection, Iterable
from enum import Enum

from rhombus_clips.arguments import function
from rhombus_clips.codec import to_dict
from rhombus_clips.models.base import Model
from rhombus_clips.testing.clips import (
    NEWEST_MS,
    Wire,
    make_clips,
    make_shared_clip_groups,
    make_uuid,
)
from rhombus_clips.testing.faults import Respond
from rhombus_clips.testing.footage import Footage, make_jpeg, make_mp4, usual_size
from rhombus_clips.testing.listing import Entry, ListedPage, Listing, in_order, list_page
from rhombus_clips.testing.parameters import RefusedError, failure
from rhombus_clips.testing.renders import Render

_LOCATIONS = 4
_LISTING_TIMES = {"timestamp_ms": "timestampMs", "created_at_ms": "createdAtMs"}


class UnknownClip(Enum):
    """How the service answers for a clip that it does not have; the reference does not say."""

    NULL = "null"
    """200 with ``clip: null``."""
    REFUSED = "refused"
    """200 with ``error: true``."""
    NOT_FOUND = "not found"
    """404."""


class Updates(Enum):
    """What an update does to the fields that it leaves out or sends as null."""

    WHOLE = "whole"
    """They are blanked, as the vendor's own client says of ``updateSavedClip``."""
    SELECTIVE = "selective"
    """They stay as they are, as the reference says."""


class Organization:
    """The state behind the service, and how it treats it; `FakeRhombus` serves one.

    Its parameters are described there.
    """

    def __init__(
        self,
        clips: int | Iterable[Model | Wire],
        *,
        seed: int = 0,
        created_after: float | None = None,
        created_jitter: float = 0.0,
        shared_clip_groups: int | Iterable[Model | Wire] = 20,
        listing: Listing = Listing(),
        hidden: Collection[str] = (),
        unknown_clip: UnknownClip = UnknownClip.NULL,
        bounds_are_inclusive: bool = False,
        updates: Updates = Updates.WHOLE,
        render_seconds: float = 2.0,
        appears_after: float = 0.0,
        renders_fail: bool = False,
        clip_per_device: bool = False,
        max_splice_duration: int | None = 3600,
        now: Callable[[], float] = time.time,
        clock_skew: float = 0.0,
    ) -> None:
        self.clips = (
            make_clips(clips, seed, created_after=created_after, created_jitter=created_jitter)
            if isinstance(clips, int)
            else _as_wire(clips)
        )
        self.shared_clip_groups = (
            make_shared_clip_groups(self.clips, shared_clip_groups, seed)
            if isinstance(shared_clip_groups, int)
            else _as_wire(shared_clip_groups)
        )
        self.seed = seed
        self.listing = listing
        self.hidden = frozenset(hidden)
        self.unknown_clip = unknown_clip
        self.bounds_are_inclusive = bounds_are_inclusive
        self.updates = updates
        self.render_seconds = render_seconds
        self.appears_after = appears_after
        self.renders_fail = renders_fail
        self.clip_per_device = clip_per_device
        self.max_splice_duration = max_splice_duration
        self.clock_skew = clock_skew
        self._now = function(now, "now")
        self.began = self.now()
        self.renders: dict[str, Render] = {}
        self.numbers = itertools.count()
        """What renders and groups are numbered with; a number does not come again."""
        # Taken down at once, so that a test may make a record lie about its media later.
        self._sizes = {clip.get("uuid"): usual_size(clip) for clip in self.clips}
        self._footage: dict[str, Footage] = {}
        self._versions: dict[str, int] = {}

    def now(self) -> float:
        """What the service's clock says, in epoch seconds."""
        return self._now() + self.clock_skew

    # --- clips -------------------------------------------------------------------------------

    @property
    def org_id(self) -> str:
        """The uuid that the organization's clips and groups name as their own."""
        return make_uuid("org", self.seed)

    def location_of(self, device_uuid: str) -> str:
        """The uuid of the location that a device is at, with or without the device's facet."""
        bare = device_uuid.partition(".")[0]
        digest = hashlib.sha256(bare.encode()).digest()
        return make_uuid("location", self.seed, digest[0] % _LOCATIONS)

    def saved(self) -> list[Wire]:
        """The saved clips, and the renders that became one."""
        now = self.now()
        renders = [r for r in self.renders.values() if r.has_appeared(now) and r.is_complete(now)]
        return [*self.clips, *(render.as_saved_clip(now) for render in renders)]

    def listed(self) -> list[Wire]:
        """The saved clips that the caller may see, in the order of the listing."""
        return [entry.clip for entry in self._in_order() if entry.visible]

    def listed_page(self, page_timestamp_ms: int | None, max_page_size: int | None) -> ListedPage:
        """The page of saved clips behind a cursor."""
        return list_page(self._in_order(), self.listing, page_timestamp_ms, max_page_size)

    def _in_order(self) -> list[Entry]:
        clock = _LISTING_TIMES[self.listing.clock]
        entries = [
            Entry(time_of(clip, clock), clip, visible=clip.get("uuid") not in self.hidden)
            for clip in self.saved()
        ]
        return in_order(entries, self.listing)

    def with_progress(self) -> list[Wire]:
        """The saved clips and the renders that go on or failed, each with its progress."""
        now = self.now()
        renders = [r for r in self.renders.values() if r.has_appeared(now) and not r.deleted]
        clips = [_with_progress(clip) for clip in self.clips]
        return [*clips, *(render.as_clip_with_progress(now) for render in renders)]

    def clip_with_progress(self, uuid: str | None) -> Wire | None:
        """A clip or a render, with its progress; None where the service knows of none."""
        render = self.known_render(uuid)
        if render is not None:
            return render.as_clip_with_progress(self.now())
        clip = self._saved_clip(uuid)
        return None if clip is None else _with_progress(clip)

    def known_render(self, uuid: str | None) -> Render | None:
        """The render of that uuid that has appeared."""
        render = self.renders.get(uuid or "")
        return render if render is not None and render.has_appeared(self.now()) else None

    def record(self, uuid: str | None) -> Wire | None:
        """The record of a clip or a render, to be changed in place; None where there is none."""
        render = self.renders.get(uuid or "")
        return render.clip if render is not None else self._saved_clip(uuid)

    def delete(self, uuid: str | None) -> bool:
        """Forget a clip or a render; whether there was one."""
        if uuid is not None and self.renders.pop(uuid, None) is not None:
            return True
        clip = self._saved_clip(uuid)
        if clip is None:
            return False
        self.clips.remove(clip)
        return True

    def unknown(self, name: str) -> Wire:
        """The answer for what is not there, where *name* would hold it."""
        if self.unknown_clip is UnknownClip.NOT_FOUND:
            raise RefusedError(Respond(404))
        if self.unknown_clip is UnknownClip.REFUSED:
            return failure("clip not found")
        return {name: None}

    def _saved_clip(self, uuid: str | None) -> Wire | None:
        if uuid is None:
            return None
        return next((clip for clip in self.clips if clip.get("uuid") == uuid), None)

    # --- renders -----------------------------------------------------------------------------

    def start_render(self, *, seconds: float = 2.0, fails: bool = False) -> str:
        """Begin a splice that is done after *seconds*; returns its clip's uuid."""
        number = next(self.numbers)
        clip = make_clips(1, seed=1_000_000 + number)[0]
        moment = NEWEST_MS + 1000 * number
        clip |= {"timestampMs": moment, "createdAtMs": moment, "status": "INITIATING"}
        return self.add_render(
            Render(clip=clip, started_at=self.now(), seconds=seconds, fails=fails)
        )

    def add_render(self, render: Render) -> str:
        """Take in a render, in the place of one of the same clip; returns the clip's uuid."""
        uuid: str = render.clip["uuid"]
        self.renders[uuid] = render
        return uuid

    # --- media -------------------------------------------------------------------------------

    def put_media(self, clip_uuid: str, data: bytes) -> None:
        """Make *data* the video of a clip, and its record say so.

        Raises `KeyError` for a clip that is not there.
        """
        record = self.record(clip_uuid)
        if record is None:
            raise KeyError(clip_uuid)
        footage = self._footage[clip_uuid] = Footage(data)
        record |= {"byteCount": len(data), "sha256Hex": footage.sha256_hex}

    def change_media(self, clip_uuid: str) -> None:
        """Give a clip another video of the same size, of which its record does not know.

        Raises `KeyError` for a clip that is not there.
        """
        size = len(self.video(clip_uuid).data)
        version = self._versions[clip_uuid] = self._versions.get(clip_uuid, 0) + 1
        self._footage[clip_uuid] = Footage(make_mp4(clip_uuid, size, version))

    def video(self, clip_uuid: str) -> Footage:
        """The video of a clip. Raises `KeyError` for a clip that is not there."""
        record = self.record(clip_uuid)
        if record is None:
            raise KeyError(clip_uuid)
        if clip_uuid not in self._footage:
            size = self._sizes.get(clip_uuid)
            data = make_mp4(clip_uuid, usual_size(record) if size is None else size)
            self._footage[clip_uuid] = Footage(data)
        return self._footage[clip_uuid]

    def thumbnail(self, clip_uuid: str) -> Footage:
        """The picture of a clip."""
        return Footage(make_jpeg(clip_uuid))


def time_of(clip: Wire, name: str) -> int:
    """One of the times of a clip, in epoch milliseconds.

    A clip whose time is null or no number on the wire still has its place in the service's order.
    """
    for known in (name, "timestampMs", "createdAtMs"):
        moment = clip.get(known)
        if isinstance(moment, int):
            return moment
    return NEWEST_MS


def _with_progress(clip: Wire) -> Wire:
    done = clip.get("status") == "COMPLETE"
    operation = "Complete" if done else None
    return {**clip, "percentComplete": 100 if done else 0, "currentOperation": operation}


def _as_wire(objects: Iterable[Model | Wire]) -> list[Wire]:
    return [to_dict(item) if isinstance(item, Model) else dict(item) for item in objects]
