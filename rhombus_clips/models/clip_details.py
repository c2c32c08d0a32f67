"""What cameras and sensors saw within a clip: boxes around things, points to jump to."""

from attrs import frozen

from rhombus_clips.models.activity import Activity
from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.enums import FootageSeekPointColor
from rhombus_clips.models.saved_clip import SavedClip


@frozen(kw_only=True, field_transformer=hash_scalars)
class Point(Model):
    """A place in the picture."""

    x: int | None = None
    y: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SensorValue(Model):
    """What a sensor measured (``SensorValType`` of the reference): one of the three."""

    sensor_boolean: bool | None = None
    sensor_double: float | None = None
    sensor_long: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ToastCheckInfo(Model):
    """The check of an order at a till of Toast."""

    total_amount: float | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ToastOrder(Model):
    """An order at a till of Toast (``ToastOrderIdType`` of the reference)."""

    employee_name: str | None = None
    guid: str | None = None
    location_name: str | None = None
    restaurant_name: str | None = None
    toast_check_info: ToastCheckInfo | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class _Sighting(Model):
    """What a box and a seek point have in common."""

    activity: Activity | None = None
    alert: bool | None = None
    custom_activity_color: FootageSeekPointColor | None = None
    custom_activity_description: str | None = None
    custom_activity_display_name: str | None = None
    dwelling: bool | None = None
    face_name: str | None = None
    in_motion: bool | None = None
    license_plate: str | None = None
    loudness: int | None = None
    pose: str | None = None
    relative_second: float | None = None
    """When, in seconds from the beginning of the clip; it may be negative."""
    sensor_val_type: SensorValue | None = None
    stable_track_id: int | None = None
    toast_order_id_info: ToastOrder | None = None
    unidentified_face_id: str | None = None
    vehicle_name: str | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipBoundingBox(_Sighting):
    """A box around something in the picture (``ClipBoundingBoxType`` of the reference).

    The four sides are in ten-thousandths of the picture's width and height: the reference does
    not say so, those who use it do.
    """

    bottom: int | None = None
    confidence: float | None = None
    cropped_image_locator: str | None = None
    keypoints_v2: dict[str, Point | None] | None = None
    left: int | None = None
    object_id: int | None = None
    right: int | None = None
    top: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipSeekPoint(_Sighting):
    """A moment of the clip to jump to (``ClipSeekPointV2Type`` of the reference)."""

    dcao: bool | None = None
    id: int | None = None
    tu: str | None = None
    """The vendor's name and no description; others found the path of a thumbnail in it."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipWithDetails(SavedClip):
    """A saved clip with what was seen in it (``SavedClipWithDetailsType`` of the reference)."""

    bounding_boxes: list[ClipBoundingBox | None] | None = None
    seek_points: list[ClipSeekPoint | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipDetailsAnswer(Answer):
    """What ``getSavedClipDetails`` answers."""

    saved_clip: SavedClipWithDetails | None = None
    """The clip; None when the service has no such clip, and while it is being spliced."""
