"""The commands that change clips and delete them."""

from collections.abc import Sequence

import click

from rhombus_clips import ClipSession, ClipWithProgress, Unset
from rhombus_clips.cli.options import TAKES_UUIDS, Uuid, Words, clip_uuids_argument, yes_option
from rhombus_clips.cli.output import PROGRESS, echo, show
from rhombus_clips.cli.running import confirm, in_session
from rhombus_clips.concurrency import each


@click.command(context_settings=TAKES_UUIDS)
@click.argument("clip_uuid", type=Uuid())
@click.argument("new_title", type=Words(), required=False)
@click.option("--title", type=Words(), help="The new title, as NEW_TITLE; an empty one clears it.")
@click.option("--description", type=Words(), help="The new description; an empty one clears it.")
def rename(
    *, clip_uuid: str, new_title: str | None, title: str | None, description: str | None
) -> None:
    """Give a clip another title or description.

    What is not named stays as it is.
    """
    if new_title is not None and title is not None:
        raise click.UsageError("NEW_TITLE and --title: one of the two")
    title = new_title if title is None else title
    if title is None and description is None:
        raise click.UsageError("NEW_TITLE or --description must say what to change")

    async def work(session: ClipSession) -> None:
        await session.update_saved_clip(
            clip_uuid,
            title=Unset.UNSET if title is None else title,
            description=Unset.UNSET if description is None else description,
        )

    in_session(work)
    changes = {"title": title, "description": description}
    for name, text in changes.items():
        if text is not None:
            echo(f"{clip_uuid}: the {name} is “{text}” now")


@click.command(context_settings=TAKES_UUIDS)
@clip_uuids_argument()
@yes_option
def delete(*, clip_uuids: Sequence[str], yes: bool) -> None:
    """Delete clips for good.

    Finished ones or clips in the making: the service has no way back. Shows the clips and asks
    first. When the service does not know one of them, none is deleted.
    """

    async def look(session: ClipSession) -> list[ClipWithProgress]:
        uuids = dict.fromkeys(clip_uuids)
        return [await session.get_clip_with_progress(uuid) for uuid in uuids]

    async def delete_each(session: ClipSession) -> None:
        for clip in clips:
            await session.delete_saved_clip(str(clip.uuid))
            echo(f"Deleted {clip.uuid} “{clip.title or ''}”")

    clips = in_session(look)
    if not yes:
        in_session(lambda _session: show(each(clips), PROGRESS, as_json=False))
    confirm(f"Delete {_count(clips)} for good?", yes=yes)
    in_session(delete_each)


def _count(clips: Sequence[ClipWithProgress]) -> str:
    return "this clip" if len(clips) == 1 else f"these {len(clips)} clips"
