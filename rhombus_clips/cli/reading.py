"""The commands that read: listings, details and counts."""

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import click

from rhombus_clips import ClipSeekPoint, ClipSession, SavedClipWithDetails
from rhombus_clips.cli import options, output
from rhombus_clips.cli.running import with_session
from rhombus_clips.concurrency import each
from rhombus_clips.paging.rules.clock import CLIP_TIMES

# --- listings ------------------------------------------------------------------------------------


@click.command()
@click.option("--since", type=options.TIME, help="Only clips at or after this time.")
@click.option("--until", type=options.TIME, help="Only clips before this time.")
@click.option("--by", type=click.Choice(CLIP_TIMES), default="timestamp_ms", show_default=True,
              help="The time to which --since and --until apply.")  # fmt: skip
@click.option("--limit", type=click.IntRange(min=0), help="The maximum number of clips.")
@click.option("--page-size", type=click.IntRange(1, 10_000), default=100, show_default=True,
              help="Clips per request.")  # fmt: skip
@options.as_json_option
@with_session
async def saved(session: ClipSession, *, as_json: bool, **arguments: Any) -> None:
    """List saved clips."""
    await output.show(session.saved_clips(**arguments), output.SAVED, as_json=as_json)


@click.command()
@options.clip_filter_options
@options.as_json_option
@with_session
async def clips(session: ClipSession, *, as_json: bool, **filters: Any) -> None:
    """List clips by filters, including unfinished ones."""
    await output.show(
        session.clips_with_progress(**options.given(filters)), output.PROGRESS, as_json=as_json
    )


@click.command()
@options.clip_filter_options
@options.as_json_option
@with_session
async def expiring(session: ClipSession, *, as_json: bool, **filters: Any) -> None:
    """List clips that expire soon.

    The service does not document how soon.
    """
    await output.show(
        session.expiring_clips(**options.given(filters)), output.PROGRESS, as_json=as_json
    )


@click.command()
@click.option(
    "--created-after", type=options.TIME, help="Only groups created at or after this time."
)
@click.option("--created-before", type=options.TIME, help="Only groups created before this time.")
@click.option("--window", "days", type=click.FloatRange(0, 36_500, min_open=True), metavar="DAYS",
              help="Request this many days at a time. Requires --created-after.")  # fmt: skip
@options.as_json_option
@with_session
async def shared(
    session: ClipSession, *, as_json: bool, days: float | None, **arguments: Any
) -> None:
    """List shared clip groups."""
    if days is not None and math.isnan(days):
        raise click.BadParameter("nan is not a number of days", param_hint="--window")
    if days is not None and arguments["created_after"] is None:
        raise click.UsageError("--window requires --created-after as the start of the first window")
    window = None if days is None else timedelta(days=days)
    await output.show(
        session.shared_clip_groups(window=window, **arguments), output.SHARED, as_json=as_json
    )


@click.command()
@options.as_json_option
@with_session
async def spliced(session: ClipSession, *, as_json: bool) -> None:
    """List clips that are being created."""
    clips = await session.get_spliced_clips_in_progress()
    await output.show(each(clips), output.SPLICED, as_json=as_json)


# --- one response --------------------------------------------------------------------------------


@click.command(context_settings=options.TAKES_UUIDS)
@click.argument("clip_uuid", type=options.UUID)
@options.as_json_option
@with_session
async def progress(session: ClipSession, *, clip_uuid: str, as_json: bool) -> None:
    """Show the progress of a clip that is being created."""
    clip = await session.get_clip_with_progress(clip_uuid)
    await output.show(each([clip]), output.PROGRESS, as_json=as_json)


@click.command(context_settings=options.TAKES_UUIDS)
@click.argument("clip_uuid", type=options.UUID)
@options.as_json_option
@with_session
async def details(session: ClipSession, *, clip_uuid: str, as_json: bool) -> None:
    """Show a clip and the activity that was detected in it."""
    clip = await session.get_saved_clip_details(clip_uuid)
    if as_json:
        output.echo_json(clip)
        return
    output.show_table(("Field", "Value"), _fields(clip))
    points = [point for point in clip.seek_points or () if point is not None]
    points.sort(key=lambda point: point.relative_second or 0.0)
    output.show_table(("Second", "Activity", "Subject", "Alert"), map(_seek_point, points))


@click.command()
@options.device_option
@options.location_option
@click.option(
    "--start", "start_time_ms", type=options.TIME, help="Only clips at or after this time."
)
@click.option("--end", "end_time_ms", type=options.TIME, help="Only clips before this time.")
@options.as_json_option
@with_session
async def count(
    session: ClipSession,
    *,
    as_json: bool,
    device_uuid_filters: Sequence[str],
    location_uuid_filters: Sequence[str],
    **times: Any,
) -> None:
    """Count saved clips."""
    filters = {"device_filter": device_uuid_filters, "location_filter": location_uuid_filters}
    found = await session.get_saved_clip_count(**options.given(filters), **times)
    if as_json:
        output.echo_json(found)
    else:
        output.echo(f"{_number(found.count)} clips, {_number(found.private_count)} private")


def _fields(clip: SavedClipWithDetails) -> Sequence[tuple[str, object]]:
    resolution, access, location = clip.video_resolution, clip.access_settings, clip.clip_location
    size = None if clip.byte_count is None else f"{clip.byte_count:,} bytes"
    return (
        ("Title", clip.title),
        ("Description", clip.description),
        ("Uuid", clip.uuid),
        ("Status", clip.status),
        ("Recorded", output.in_utc(clip.recorded_at)),
        ("Length", clip.length),
        ("Created", output.in_utc(clip.created_at)),
        ("Cameras", ", ".join(uuid for uuid in clip.device_uuids or () if uuid)),
        ("Resolution", resolution and f"{resolution.width} × {resolution.height}"),
        ("Visibility", access and access.visibility),
        ("Region", location and location.region),
        ("Size", size),
        ("SHA-256", clip.sha256_hex),
        ("Seek points", len(clip.seek_points or ())),
        ("Bounding boxes", len(clip.bounding_boxes or ())),
    )


def _seek_point(point: ClipSeekPoint) -> Sequence[object]:
    names = (
        point.custom_activity_display_name,
        point.face_name,
        point.license_plate,
        point.vehicle_name,
    )
    subject = ", ".join(name for name in names if name)
    return point.relative_second, point.activity, subject, "yes" if point.alert else "no"


def _number(value: int | None) -> str:
    return "an unknown number of" if value is None else f"{value:,}"
