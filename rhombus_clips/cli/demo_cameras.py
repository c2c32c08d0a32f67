"""The cameras of the demo: their places, their hours, and what they record."""

import itertools
import random
from collections.abc import Collection
from datetime import UTC, datetime
from functools import cache

from attrs import field, frozen

from rhombus_clips.testing.clips import make_uuid
from rhombus_clips.testing.media_content import picture_of

_ALWAYS = range(24)
_DAY = range(7, 19)
_DARKNESS = frozenset(_ALWAYS) - frozenset(_DAY)
_NIGHT = frozenset({22, 23, 0, 1, 2, 3, 4, 5})


@frozen
class Event:
    """Something that a camera records. The description is empty for everyday events."""

    title: str
    activity: str = "MOTION_HUMAN"
    description: str = ""


AFTER_HOURS = Event("motion after hours", description="Checked by the night guard")


@frozen
class Camera:
    """A camera. Its events come in the order of their frequency.

    The thumbnail of an outdoor place shows either the day or the night, so its camera only records
    then.
    """

    place: str
    events: tuple[Event, ...]
    hours: Collection[int] = field(default=_ALWAYS, kw_only=True)
    share: int = field(default=2, kw_only=True)
    """How often the camera records in its hours, compared with the others."""

    @property
    def device(self) -> str:
        """The uuid of the camera with a facet, as clips contain it."""
        return f"{_uuid_of(self.place)}.v0"

    def event_at(self, chance: random.Random, time_ms: int) -> Event:
        """Return a random event that fits the time of the day."""
        if local_time(time_ms).hour in _NIGHT:
            return AFTER_HOURS
        frequencies = [number**-1.5 for number in range(1, len(self.events) + 1)]
        return chance.choices(self.events, frequencies)[0]


CAMERAS = (
    Camera("Loading dock", (
        Event("delivery"), Event("truck arrives", "MOTION_CAR"), Event("forklift", "MOTION"),
        Event("pallet pickup"),
        Event("damaged pallet", description="Two boxes at the bottom are crushed. For the insurer"),
    ), share=4),
    Camera("Main entrance", (
        Event("visitor"), Event("delivery"), Event("door held open"),
        Event("tailgating", description="Second person entered without a badge"),
    ), hours=_DAY, share=4),
    Camera("Parking lot north", (
        Event("vehicle", "MOTION_CAR"), Event("person between cars"),
        Event("hit and run", "MOTION_CAR", "White car scrapes the parked van. Plate is readable"),
    ), hours=_DAY, share=3),
    Camera("Parking lot south", (
        Event("vehicle", "MOTION_CAR"), Event("person between cars"),
        Event("headlights left on", "MOTION_CAR"),
    ), hours=_DARKNESS, share=5),
    Camera("Reception", (
        Event("visitor"), Event("parcel handed over"),
        Event("lost item", description="Black umbrella, collected by its owner"),
    ), hours=_DAY),
    Camera("Server room", (
        Event("person"), Event("maintenance", description="Replacement of a power supply"),
        Event("door open"),
    ), share=1),
    Camera("Warehouse aisle 3", (
        Event("picking"), Event("forklift", "MOTION"),
        Event("fallen box", "MOTION", "From the top shelf. Nobody was hurt"),
        Event("near miss", description="Forklift and pedestrian. For the safety training"),
    ), share=3),
    Camera("Cash desk 2", (
        Event("checkout"), Event("refund", description="Receipt was checked"),
        Event("cash pickup"), Event("disputed change", description="Customer was right"),
    ), hours=_DAY, share=3),
    Camera("Emergency exit", (
        Event("door opened"), Event("person"), Event("blocked by boxes", "MOTION", "Cleared"),
    ), share=1),
    Camera("Elevator lobby", (
        Event("person"), Event("group of visitors"), Event("spill", "MOTION", "Cleaned up"),
    ), hours=_DAY),
)  # fmt: skip


def camera_at(chance: random.Random, time_ms: int) -> Camera:
    """Return a random camera that records at that time of the day."""
    hour = local_time(time_ms).hour
    cameras = [camera for camera in CAMERAS if hour in camera.hours]
    return chance.choices(cameras, [camera.share for camera in cameras])[0]


def local_time(time_ms: int) -> datetime:
    """Return a time in the time zone of this machine, where the organization is assumed to be."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).astimezone()


@cache
def _uuid_of(place: str) -> str:
    """Return a uuid for which clips without a place in their title show *place*.

    A visitor of the demo chooses the titles of new clips.
    """
    picture = picture_of({"title": place})
    uuids = (make_uuid("demo camera", place, number) for number in itertools.count())
    return next(uuid for uuid in uuids if picture_of({"deviceUuid": uuid}) == picture)
