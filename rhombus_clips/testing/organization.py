"""The state of an organization: its clips, shared clip groups, renders and media."""

import hashlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator

from attrs import define, field

from rhombus_clips.arguments import function
from rhombus_clips.codec import to_dict
from rhombus_clips.models.base import Model
from rhombus_clips.testing.clips import (
    NEWEST_MS,
    JsonObject,
    make_clips,
    make_shared_clip_groups,
    make_uuid,
)
from rhombus_clips.testing.faults import Respond
from rhombus_clips.testing.listing import ListedPage, StoredClip, in_order, list_page
from rhombus_clips.testing.media_content import MediaContent, default_size, make_video
from rhombus_clips.testing.options import FakeOptions, UnknownClip
from rhombus_clips.testing.refusals import RefusedError, failure
from rhombus_clips.testing.renders import Render

_LOCATIONS = 4
_LISTING_TIMES = {"timestamp_ms": "timestampMs", "created_at_ms": "createdAtMs"}


@define(eq=False, slots=False, repr=False)
class Organization(FakeOptions):
    """The clips, groups, renders and media of an organization, and the operations on them."""

    _given_clips: int | Iterable[Model | JsonObject] = field(default=100, alias="clips")
    _given_groups: int | Iterable[Model | JsonObject] = field(
        default=20, alias="shared_clip_groups", kw_only=True
    )
    clips: list[JsonObject] = field(init=False)
    """The saved clips as JSON objects. Change, add and remove them at any time."""
    shared_clip_groups: list[JsonObject] = field(init=False)
    """The shared clip groups as JSON objects. Change, add and remove them at any time."""
    renders: dict[str, Render] = field(factory=dict[str, Render], init=False)
    started_at: float = field(init=False)
    numbers: Iterator[int] = field(factory=itertools.count, init=False)
    """Numbers for new renders and groups; each is used once."""
    _sizes: dict[str | None, int] = field(init=False)
    _contents: dict[str, MediaContent] = field(factory=dict[str, MediaContent], init=False)
    """The videos that were set; the others are generated."""
    _versions: Counter[str] = field(factory=Counter[str], init=False)

    def __attrs_post_init__(self) -> None:
        clips, groups = self._given_clips, self._given_groups
        self._now = function(self._now, "now")
        if isinstance(clips, int):
            times = self.created_after, self.created_jitter
            clips = make_clips(clips, self.seed, *times, self.media.video_bytes)
        self.clips = _as_json(clips)
        if isinstance(groups, int):
            groups = make_shared_clip_groups(self.clips, groups, self.seed)
        self.shared_clip_groups = _as_json(groups)
        self.started_at = self.now()
        # Recorded now, so that a test can change a clip's byteCount without changing its media.
        self._sizes = {
            clip.get("uuid"): default_size(clip, self.media.video_bytes) for clip in self.clips
        }

    def now(self) -> float:
        """Return the time by the clock of the service, in epoch seconds."""
        return self._now() + self.clock_skew

    def is_within(self, time: int, after: int | None, before: int | None) -> bool:
        """Return whether a time filter matches *time*. All are in epoch milliseconds."""
        slack = 1 if self.bounds_are_inclusive else 0
        return (after is None or time > after - slack) and (before is None or time < before + slack)

    # --- clips -------------------------------------------------------------------------------

    @property
    def org_id(self) -> str:
        """The uuid of the organization in its clips and groups."""
        return make_uuid("org", self.seed)

    def location_of(self, device_uuid: str) -> str:
        """Return the uuid of a device's location. The device may have a facet such as ``.v0``."""
        bare = device_uuid.partition(".")[0]
        digest = hashlib.sha256(bare.encode()).digest()
        return make_uuid("location", self.seed, digest[0] % _LOCATIONS)

    def saved(self) -> list[JsonObject]:
        """Return the saved clips, including completed renders."""
        now = self.now()
        renders = [r for r in self.renders.values() if r.has_appeared(now) and r.is_complete(now)]
        return [*self.clips, *(render.as_saved_clip(now) for render in renders)]

    def listed(self) -> list[JsonObject]:
        """Return the saved clips that the caller may see, in the order of the listing."""
        return [stored.clip for stored in self._in_order() if stored.visible]

    def listed_page(self, page_timestamp_ms: int | None, max_page_size: int | None) -> ListedPage:
        """Return the page of saved clips that follows a cursor."""
        return list_page(self._in_order(), self.listing, page_timestamp_ms, max_page_size)

    def _in_order(self) -> list[StoredClip]:
        clock = _LISTING_TIMES[self.listing.clock]
        stored = [
            StoredClip(time_of(clip, clock), clip, visible=clip.get("uuid") not in self.hidden)
            for clip in self.saved()
        ]
        return in_order(stored, self.listing)

    def with_progress(self) -> list[JsonObject]:
        """Return the saved clips and all renders that were not cancelled, with their progress."""
        now = self.now()
        renders = [r for r in self.renders.values() if r.has_appeared(now) and not r.deleted]
        clips = [_with_progress(clip) for clip in self.clips]
        return [*clips, *(render.as_clip_with_progress(now) for render in renders)]

    def clip_with_progress(self, uuid: str | None) -> JsonObject | None:
        """Return a clip or a render with its progress, or None if it is unknown."""
        render = self.known_render(uuid)
        if render is not None:
            return render.as_clip_with_progress(self.now())
        clip = self._saved_clip(uuid)
        return None if clip is None else _with_progress(clip)

    def known_render(self, uuid: str | None) -> Render | None:
        """Return the render of a clip, or None if there is none or it has not appeared yet."""
        render = self.renders.get(uuid or "")
        return render if render is not None and render.has_appeared(self.now()) else None

    def record(self, uuid: str | None) -> JsonObject | None:
        """Return the mutable record of a clip or a render, or None if it does not exist."""
        render = self.renders.get(uuid or "")
        return render.clip if render is not None else self._saved_clip(uuid)

    def delete(self, uuid: str | None) -> bool:
        """Delete a clip or a render, and return whether it existed."""
        if self.renders.pop(uuid or "", None) is not None:
            return True
        clip = self._saved_clip(uuid)
        if clip is not None:
            self.clips.remove(clip)
        return clip is not None

    def unknown(self, name: str) -> JsonObject:
        """Return the response for a missing object, which would be the value of *name*."""
        if self.unknown_clip is UnknownClip.NOT_FOUND:
            raise RefusedError(Respond(404))
        if self.unknown_clip is UnknownClip.REFUSED:
            return failure("clip not found")
        return {name: None}

    def refuse_unknown(self, reason: str) -> JsonObject:
        """Return the response to a change of a missing object, which is never null."""
        if self.unknown_clip is UnknownClip.NOT_FOUND:
            raise RefusedError(Respond(404))
        return failure(reason)

    def _saved_clip(self, uuid: str | None) -> JsonObject | None:
        return next((clip for clip in self.clips if uuid and clip.get("uuid") == uuid), None)

    # --- renders -----------------------------------------------------------------------------

    def start_render(self, *, seconds: float = 2.0, fails: bool = False) -> str:
        """Start a render that takes *seconds*, and return the uuid of its clip."""
        number = next(self.numbers)
        clip = make_clips(1, 1_000_000 + number, video_bytes=self.media.video_bytes)[0]
        time_ms = NEWEST_MS + 1000 * number
        clip |= {"timestampMs": time_ms, "createdAtMs": time_ms, "status": "INITIATING"}
        return self.add_render(
            Render(clip=clip, started_at=self.now(), seconds=seconds, fails=fails)
        )

    def add_render(self, render: Render) -> str:
        """Add a render or replace the one of the same clip, and return the uuid of the clip."""
        uuid: str = render.clip["uuid"]
        self.renders[uuid] = render
        return uuid

    # --- media -------------------------------------------------------------------------------

    def put_media(self, clip_uuid: str, data: bytes) -> None:
        """Set the video of a clip, and the size and hash in its record.

        :raises KeyError: if the clip does not exist.
        """
        record = self._existing(clip_uuid)
        content = self._contents[clip_uuid] = MediaContent(data)
        record |= {"byteCount": len(data), "sha256Hex": content.sha256_hex}

    def change_media(self, clip_uuid: str) -> None:
        """Replace the video of a clip with another of the same size, and keep its record.

        :raises KeyError: if the clip does not exist.
        """
        self._sizes[clip_uuid] = len(self.video(clip_uuid).data)
        self._versions[clip_uuid] += 1
        self._contents.pop(clip_uuid, None)

    def video(self, clip_uuid: str) -> MediaContent:
        """Return the video of a clip.

        :raises KeyError: if the clip does not exist.
        """
        record = self._existing(clip_uuid)
        if clip_uuid in self._contents:
            return self._contents[clip_uuid]
        if clip_uuid not in self._sizes:
            self._sizes[clip_uuid] = default_size(record, self.media.video_bytes)
        return make_video(clip_uuid, self._sizes[clip_uuid], self._versions[clip_uuid])

    def _existing(self, clip_uuid: str) -> JsonObject:
        record = self.record(clip_uuid)
        if record is None:
            raise KeyError(clip_uuid)
        return record


def time_of(clip: JsonObject, name: str) -> int:
    """Return a time of *clip* in epoch milliseconds.

    A clip without that time is ordered by its other time, or as the newest.
    """
    times = (clip.get(field) for field in (name, "timestampMs", "createdAtMs"))
    return next((time for time in times if isinstance(time, int)), NEWEST_MS)


def _with_progress(clip: JsonObject) -> JsonObject:
    done = clip.get("status") == "COMPLETE"
    operation = "Complete" if done else None
    return {**clip, "percentComplete": 100 if done else 0, "currentOperation": operation}


def _as_json(objects: Iterable[Model | JsonObject]) -> list[JsonObject]:
    return [to_dict(item) if isinstance(item, Model) else dict(item) for item in objects]
