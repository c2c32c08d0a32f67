"""The detections of cameras and sensors within a clip: bounding boxes and seek points."""

from attrs import frozen

from rhombus_clips.models.activity import Activity
from rhombus_clips.models.base import Answer, Model, hash_scalars
from rhombus_clips.models.enums import FootageSeekPointColor
from rhombus_clips.models.saved_clip import SavedClip


@frozen(kw_only=True, field_transformer=hash_scalars)
class Point(Model):
    """A point in the picture."""

    x: int | None = None
    y: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SensorValue(Model):
    """A sensor reading (``SensorValType`` of the reference); one of the three fields is set."""

    sensor_boolean: bool | None = None
    sensor_double: float | None = None
    sensor_long: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ToastCheckInfo(Model):
    """The check of a Toast point-of-sale order."""

    total_amount: float | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ToastOrder(Model):
    """A Toast point-of-sale order (``ToastOrderIdType`` of the reference)."""

    employee_name: str | None = None
    guid: str | None = None
    location_name: str | None = None
    restaurant_name: str | None = None
    toast_check_info: ToastCheckInfo | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class _Sighting(Model):
    """The common fields of a bounding box and a seek point."""

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
    """The time of the detection, in seconds from the start of the clip; it may be negative."""
    sensor_val_type: SensorValue | None = None
    stable_track_id: int | None = None
    toast_order_id_info: ToastOrder | None = None
    unidentified_face_id: str | None = None
    vehicle_name: str | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class ClipBoundingBox(_Sighting):
    """A box around an object in the picture (``ClipBoundingBoxType`` of the reference).

    Clients of the service read the four sides as ten-thousandths of the picture's width and
    height. The reference does not state the unit.
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
    """A time of interest in a clip (``ClipSeekPointV2Type`` of the reference)."""

    dcao: bool | None = None
    id: int | None = None
    tu: str | None = None
    """Undocumented; other clients found the path of a thumbnail in it."""


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipWithDetails(SavedClip):
    """A saved clip with its detections (``SavedClipWithDetailsType`` of the reference)."""

    bounding_boxes: list[ClipBoundingBox | None] | None = None
    seek_points: list[ClipSeekPoint | None] | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class SavedClipDetailsAnswer(Answer):
    """The response of ``getSavedClipDetails``."""

    saved_clip: SavedClipWithDetails | None = None
    """The clip; None if there is no such clip, or it is still being spliced."""
