"""Views of a clip's picture: crops, dewarped fisheye views and sizes."""

from attrs import frozen

from rhombus_clips.models.base import Model, hash_scalars


@frozen(kw_only=True, field_transformer=hash_scalars)
class Resolution(Model):
    """Width and height of the video, in pixels."""

    width: int | None = None
    height: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class AspectRatio(Model):
    """The aspect ratio of a view."""

    width: int | None = None
    height: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class CroppedPermyriadRect(Model):
    """A rectangle in ten-thousandths of the picture's width and height."""

    x: int | None = None
    y: int | None = None
    width: int | None = None
    height: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class DewarpedView(Model):
    """A dewarped view of a fisheye picture; angles in degrees."""

    aspect_ratio: AspectRatio | None = None
    pitch_degrees: float | None = None
    roll_degrees: float | None = None
    yaw_degrees: float | None = None
    vertical_field_of_view_degrees: int | None = None


@frozen(kw_only=True, field_transformer=hash_scalars)
class AlteredView(Model):
    """A crop, a dewarped view, or both."""

    crop: CroppedPermyriadRect | None = None
    dewarp: DewarpedView | None = None
