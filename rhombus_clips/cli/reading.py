"""The commands that read: listings, one clip, how many there are."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from rhombus_clips import ClipSeekPoint, ClipSession, SavedClipWithDetails
from rhombus_clips.cli.options import (
    TAKES_UUIDS,
    Moment,
    Uuid,
    as_json_option,
    clip_filter_options,
    device_option,
    given,
    location_option,
)
from rhombus_clips.cli.output import (
    PROGRESS,
    SAVED,
    SHARED,
    SPLICED,
    echo,
    echo_json,
    in_utc,
    show,
    show_table,
)
from rhombus_clips.cli.running import in_session
from rhombus_clips.concurrency import each
from rhombus_clips.paging.rules.clock import CLIP_TIMES

# --- listings ------------------------------------------------------------------------------------


@click.command()
@click.option("--since", type=Moment(), help="Only clips at or after this time.")
@click.option("--until", type=Moment(), help="Only clips before this time.")
@click.option("--by", type=click.Choice(CLIP_TIMES), default="timestamp_ms", show_default=True,
              help="Which time of a clip --since and --until are about.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), help="The most clips to list.")
@click.option("--page-size", type=click.IntRange(1, 10_000), default=100, show_default=True)
@as_json_option
def saved(*, as_json: bool, **options: Any) -> None:
    """List the saved clips."""

    async def work(session: ClipSession) -> None:
        await show(session.saved_clips(**options), SAVED, as_json=as_json)

    in_session(work)


@click.command()
@clip_filter_options
@as_json_option
def clips(*, as_json: bool, **filters: Any) -> None:
    """List clips by filters, the unfinished as well."""

    async def work(session: ClipSession) -> None:
        await show(session.clips_with_progress(**given(filters)), PROGRESS, as_json=as_json)

    in_session(work)


@click.command()
@clip_filter_options
@as_json_option
def expiring(*, as_json: bool, **filters: Any) -> None:
    """List the clips that expire soon. How soon, the service does not say."""

    async def work(session: ClipSession) -> None:
        await show(session.expiring_clips(**given(filters)), PROGRESS, as_json=as_json)

    in_session(work)


@click.command()
@click.option("--created-after", type=Moment(), help="Only groups made at or after this time.")
@click.option("--created-before", type=Moment(), help="Only groups made before this time.")
@click.option("--window", "days", type=click.FloatRange(0, 36_500, min_open=True), metavar="DAYS",
              help="Ask for this many days at a time; needs --created-after.")  # fmt: skip
@as_json_option
def shared(*, as_json: bool, days: float | None, **options: Any) -> None:
    """List the shared clip groups."""
    if days is not None and math.isnan(days):
        raise click.BadParameter("nan is no number of days", param_hint="--window")
    if days is not None and options["created_after"] is None:
        raise click.UsageError("--window needs --created-after: an open range has no first window")
    window = None if days is None else timedelta(days=days)

    async def work(session: ClipSession) -> None:
        groups = session.shared_clip_groups(window=window, **options)
        await show(groups, SHARED, as_json=as_json)

    in_session(work)


@click.command()
@as_json_option
def spliced(*, as_json: bool) -> None:
    """List the clips that are being spliced."""

    async def work(session: ClipSession) -> None:
        clips = await session.get_spliced_clips_in_progress()
        await show(each(clips), SPLICED, as_json=as_json)

    in_session(work)


# --- one answer ----------------------------------------------------------------------------------


@click.command(context_settings=TAKES_UUIDS)
@click.argument("clip_uuid", type=Uuid())
@as_json_option
def progress(*, clip_uuid: str, as_json: bool) -> None:
    """Show how far the render of a clip has come."""

    async def work(session: ClipSession) -> None:
        clip = await session.get_clip_with_progress(clip_uuid)
        await show(each([clip]), PROGRESS, as_json=as_json)

    in_session(work)


@click.command(context_settings=TAKES_UUIDS)
@click.argument("clip_uuid", type=Uuid())
@as_json_option
def details(*, clip_uuid: str, as_json: bool) -> None:
    """Show all about a clip.

    Its facts, and the moments in which something was seen.
    """

    async def work(session: ClipSession) -> None:
        clip = await session.get_saved_clip_details(clip_uuid)
        if as_json:
            echo_json(clip)
            return
        show_table(("Fact", "Value"), _facts(clip))
        points = [point for point in clip.seek_points or () if point is not None]
        points.sort(key=lambda point: point.relative_second or 0.0)
        show_table(("Second", "Activity", "What", "Alert"), map(_moment_seen, points))

    in_session(work)


@click.command()
@device_option
@location_option
@click.option("--start", "start_time_ms", type=Moment(), help="Only clips from this time on.")
@click.option("--end", "end_time_ms", type=Moment(), help="Only clips up to this time.")
@as_json_option
def count(
    *,
    as_json: bool,
    device_uuid_filters: Sequence[str],
    location_uuid_filters: Sequence[str],
    **times: Any,
) -> None:
    """Say how many saved clips there are."""

    async def work(session: ClipSession) -> None:
        found = await session.get_saved_clip_count(
            device_filter=device_uuid_filters or None,
            location_filter=location_uuid_filters or None,
            **times,
        )
        if as_json:
            echo_json(found)
        else:
            echo(f"{_number(found.count)} clips, {_number(found.private_count)} private")

    in_session(work)


def _facts(clip: SavedClipWithDetails) -> Sequence[tuple[str, object]]:
    resolution, access, place = clip.video_resolution, clip.access_settings, clip.clip_location
    size = None if clip.byte_count is None else f"{clip.byte_count:,} bytes"
    return (
        ("Title", clip.title),
        ("Description", clip.description),
        ("Uuid", clip.uuid),
        ("Status", clip.status),
        ("Recorded", in_utc(clip.recorded_at)),
        ("Length", clip.length),
        ("Created", in_utc(clip.created_at)),
        ("Cameras", ", ".join(uuid for uuid in clip.device_uuids or () if uuid)),
        ("Resolution", resolution and f"{resolution.width} × {resolution.height}"),
        ("Visible to", access and access.visibility),
        ("Region", place and place.region),
        ("Size", size),
        ("SHA-256", clip.sha256_hex),
        ("Seek points", len(clip.seek_points or ())),
        ("Bounding boxes", len(clip.bounding_boxes or ())),
    )


def _moment_seen(point: ClipSeekPoint) -> Sequence[object]:
    names = (
        point.custom_activity_display_name,
        point.face_name,
        point.license_plate,
        point.vehicle_name,
    )
    seen = ", ".join(name for name in names if name)
    return point.relative_second, point.activity, seen, "yes" if point.alert else "no"


def _number(value: int | None) -> str:
    return "an unknown number of" if value is None else f"{value:,}"
