"""The commands that rename and delete clips."""

from collections.abc import Sequence

import click

from rhombus_clips import ClipSession, ClipWithProgress
from rhombus_clips.cli import options
from rhombus_clips.cli.output import PROGRESS, echo, show
from rhombus_clips.cli.running import confirm, run_with_session, with_session
from rhombus_clips.concurrency import each


@click.command(context_settings=options.TAKES_UUIDS)
@click.argument("clip_uuid", type=options.UUID)
@click.argument("new_title", type=options.TEXT, required=False)
@click.option("--title", type=options.TEXT, help="The new title, like NEW_TITLE. Empty clears it.")
@click.option("--description", type=options.TEXT, help="The new description. Empty clears it.")
@with_session
async def rename(
    session: ClipSession,
    *,
    clip_uuid: str,
    new_title: str | None,
    title: str | None,
    description: str | None,
) -> None:
    """Change the title or the description of a clip.

    Other fields keep their values.
    """
    if new_title is not None and title is not None:
        raise click.UsageError("use either NEW_TITLE or --title, not both")
    changes = options.given(
        {"title": title if new_title is None else new_title, "description": description}
    )
    if not changes:
        raise click.UsageError("pass NEW_TITLE or --description")
    await session.update_saved_clip(clip_uuid, **changes)
    for name, text in changes.items():
        echo(f"{clip_uuid}: changed the {name} to “{text}”")


@click.command(context_settings=options.TAKES_UUIDS)
@options.clip_uuids_argument()
@options.yes_option
def delete(*, clip_uuids: Sequence[str], yes: bool) -> None:
    """Delete clips permanently.

    Shows the clips, finished or not, and asks for confirmation. If one of them does not exist,
    none is deleted.
    """

    async def find(session: ClipSession) -> list[ClipWithProgress]:
        clips = [await session.get_clip_with_progress(uuid) for uuid in dict.fromkeys(clip_uuids)]
        if not yes:
            await show(each(clips), PROGRESS, as_json=False)
        return clips

    async def delete_all(session: ClipSession) -> None:
        for clip in clips:
            await session.delete_saved_clip(str(clip.uuid))
            echo(f"Deleted {clip.uuid} “{clip.title or ''}”")

    clips = run_with_session(find)
    target = "this clip" if len(clips) == 1 else f"these {len(clips)} clips"
    confirm(f"Delete {target} permanently?", yes=yes)
    run_with_session(delete_all)
