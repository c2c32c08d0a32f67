"""The commands that have clips made, and watch them until they are complete."""

from collections.abc import Sequence
from contextlib import aclosing
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from rhombus_clips import ClipSession, ClipWithProgress, Polling, RhombusError
from rhombus_clips.cli.bars import RenderBars
from rhombus_clips.cli.downloading import bring, report
from rhombus_clips.cli.options import (
    FOLDER,
    TAKES_UUIDS,
    Moment,
    Seconds,
    Uuid,
    Words,
    as_json_option,
    clip_uuids_argument,
    given,
    interval_option,
)
from rhombus_clips.cli.output import PROGRESS, echo_json, show
from rhombus_clips.cli.running import exit_for_failures, in_session, interruptible
from rhombus_clips.concurrency import each

_WAITING = "New clip"
_USUAL = Polling()


@click.command(context_settings=TAKES_UUIDS)
@click.argument("device_uuids", metavar="DEVICE_UUID...", type=Uuid(), nargs=-1, required=True)
@click.option("--start", type=Moment(), required=True, help="When the footage begins.")
@click.option("--duration", type=Seconds(), required=True,
              help="How long it is; parts of a second are rounded up.")  # fmt: skip
@click.option("--title", type=Words())
@click.option("--description", type=Words())
@click.option("--audio/--no-audio", "audio_included", default=None, help="With sound, or without.")
@click.option("--deadline", type=Seconds(), default=900.0, show_default=True,
              help="The longest wait for the clip; the service goes on with it.")  # fmt: skip
@interval_option
@click.option("--download", "folder", type=FOLDER, help="Bring the clip into this folder, too.")
@as_json_option
def make(
    *,
    device_uuids: Sequence[str],
    start: datetime | int,
    duration: float,
    deadline: float,
    interval: float,
    folder: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Have a clip made, and wait until it is complete.

    Of what the cameras DEVICE_UUID saw; the service makes one clip of several, or one of each.
    """

    async def work(session: ClipSession) -> bool:
        with RenderBars() as bars:
            bars.wait_for(_WAITING, "asked for")

            def show_change(clip: ClipWithProgress) -> None:
                bars.show_first(_WAITING, clip)

            clips = await session.make_clip(
                device_uuids, start, duration, timeout=deadline, polling=_polling(interval),
                on_change=show_change, **given(options),
            )  # fmt: skip
        await show(each(clips), PROGRESS, as_json=as_json)
        if folder is None:
            return True
        return report(
            await bring(session, each(clips), folder, total=len(clips)), to_stderr=as_json
        )

    with interruptible("the service goes on with the clip: see `rhombus-clips spliced`"):
        if not in_session(work):
            exit_for_failures()


@click.command(context_settings=TAKES_UUIDS)
@clip_uuids_argument()
@interval_option
@click.option("--appears-within", type=Seconds(), default=_USUAL.appears_within,
              show_default=True,
              help="How long a clip may be unknown to the service, as new ones are.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True,
              help="Print a JSON object a line, each time that a clip has moved on.")  # fmt: skip
def watch(
    *, clip_uuids: Sequence[str], interval: float, appears_within: float, as_json: bool
) -> None:
    """Watch clips in the making until they have ended.

    The exit code is 1 when one of them failed or was deleted.
    """
    polling = _polling(interval, appears_within)

    async def work(session: ClipSession) -> None:
        failure = None
        with RenderBars() as bars:
            for uuid in clip_uuids:
                bars.wait_for(uuid, "waiting for the service")
            async with aclosing(session.watch_clips(clip_uuids, polling=polling)) as changes:
                try:
                    async for clip in changes:
                        bars.show(clip)
                        if as_json:
                            echo_json(clip)
                except RhombusError as error:
                    failure = error  # Behind what became of the other clips.
        if bars.seen and not as_json:
            await show(each(bars.seen.values()), PROGRESS, as_json=False)
        if failure is not None:
            raise failure

    with interruptible("the service goes on with the clips"):
        in_session(work)


def _polling(interval: float, appears_within: float = _USUAL.appears_within) -> Polling:
    """As patient as usual, and as much slower while nothing moves."""
    max_interval = _USUAL.max_interval * interval / _USUAL.interval
    return Polling(interval=interval, max_interval=max_interval, appears_within=appears_within)
