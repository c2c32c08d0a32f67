"""The commands that create clips and watch them until they are complete."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from rhombus_clips import ClipSession, ClipWithProgress, Polling, RhombusError
from rhombus_clips.cli import options
from rhombus_clips.cli.bars import Bars
from rhombus_clips.cli.downloading import download_with_bars, report
from rhombus_clips.cli.output import PROGRESS, echo_json, show
from rhombus_clips.cli.running import exit_with_failure, interruptible, run_with_session
from rhombus_clips.concurrency import each

_NEW_CLIP = "New clip"
_DEFAULT = Polling()


@click.command(context_settings=options.TAKES_UUIDS)
@click.argument(
    "device_uuids", metavar="DEVICE_UUID...", type=options.UUID, nargs=-1, required=True
)
@click.option("--start", type=options.TIME, required=True, help="The start of the recording.")
@click.option("--duration", type=options.SECONDS, required=True,
              help="The length in seconds, rounded up to whole seconds.")  # fmt: skip
@click.option("--title", type=options.TEXT, help="The title of the clip.")
@click.option("--description", type=options.TEXT, help="The description of the clip.")
@click.option("--audio/--no-audio", "audio_included", default=None,
              help="Include or omit the sound.")  # fmt: skip
@click.option("--timeout", type=options.SECONDS, default=900.0, show_default=True,
              help="Seconds to wait for the clip. The service continues after that.")  # fmt: skip
@options.interval_option
@click.option(
    "--download", "folder", type=options.FOLDER, help="Download the clip into this folder."
)
@options.as_json_option
def make(
    *,
    device_uuids: Sequence[str],
    start: datetime | int,
    duration: float,
    timeout: float,
    interval: float,
    folder: Path | None,
    as_json: bool,
    **arguments: Any,
) -> None:
    """Create a clip from recordings, and wait until it is complete.

    For several devices, the service creates one clip of all of them or one per device.
    """

    async def work(session: ClipSession) -> bool:
        with Bars() as bars:
            bars.show(_NEW_CLIP, _NEW_CLIP, "requested")

            def on_change(clip: ClipWithProgress) -> None:
                bars.remove(_NEW_CLIP)
                bars.show_render(clip)

            clips = await session.make_clip(
                device_uuids, start, duration, timeout=timeout, polling=_polling(interval),
                on_change=on_change, **options.given(arguments),
            )  # fmt: skip
        await show(each(clips), PROGRESS, as_json=as_json)
        if folder is None:
            return True
        summary, byte_count = await download_with_bars(
            session, each(clips), folder, total=len(clips)
        )
        return report(summary, byte_count, to_stderr=as_json)

    with interruptible("the service continues to create the clip: see `rhombus-clips spliced`"):
        if not run_with_session(work):
            exit_with_failure()


@click.command(context_settings=options.TAKES_UUIDS)
@options.clip_uuids_argument()
@options.interval_option
@click.option("--appears-within", type=options.SECONDS, default=_DEFAULT.appears_within,
              show_default=True,
              help="Seconds to wait for a clip that the service does not return yet.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True,
              help="Print a clip as one JSON object per line each time it changes.")  # fmt: skip
def watch(
    *, clip_uuids: Sequence[str], interval: float, appears_within: float, as_json: bool
) -> None:
    """Watch clips that are being created until they are complete.

    The exit code is 1 if one of them fails or is deleted.
    """
    polling = _polling(interval, appears_within)

    async def work(session: ClipSession) -> None:
        failure = None
        latest: dict[str, ClipWithProgress] = {}
        with Bars() as bars:
            for uuid in clip_uuids:
                bars.show(uuid, uuid, "waiting for the service")
            async with aclosing(session.watch_clips(clip_uuids, polling=polling)) as changes:
                try:
                    async for clip in changes:
                        latest[clip.uuid or ""] = clip
                        bars.show_render(clip)
                        if as_json:
                            echo_json(clip)
                except RhombusError as error:
                    failure = error  # Raised after the other clips were printed.
        if latest and not as_json:
            await show(each(latest.values()), PROGRESS, as_json=False)
        if failure is not None:
            raise failure

    with interruptible("the service continues to create the clips"):
        run_with_session(work)


def _polling(interval: float, appears_within: float = _DEFAULT.appears_within) -> Polling:
    """Return the default polling with a different interval, scaled in proportion."""
    max_interval = _DEFAULT.max_interval * interval / _DEFAULT.interval
    return Polling(interval=interval, max_interval=max_interval, appears_within=appears_within)
