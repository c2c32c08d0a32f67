"""The commands that show clips to others, and take that back."""

import sys
from collections.abc import Sequence

import click

from rhombus_clips import ClipSession, SharedClipGroupWithDetails
from rhombus_clips.cli.options import (
    TAKES_UUIDS,
    Lifetime,
    Uuid,
    Words,
    as_json_option,
    clip_uuids_argument,
    yes_option,
)
from rhombus_clips.cli.output import echo, echo_json
from rhombus_clips.cli.running import asked, confirm, in_session, is_answered, say


@click.command(context_settings=TAKES_UUIDS)
@clip_uuids_argument()
@click.option("--title", type=Words(), default="", help="What stands above the page.")
@click.option("--password", "asks", is_flag=True, help="Ask for a password for the page, twice.")
@click.option("--password-stdin", "reads", is_flag=True,
              help="Read the password from the first line of the standard input.")  # fmt: skip
@click.option("--expires", type=Lifetime(), metavar="SECONDS|30m|12h|7d",
              help="After how long the page expires; never if unset.")  # fmt: skip
@as_json_option
def share(
    *,
    clip_uuids: Sequence[str],
    title: str,
    asks: bool,
    reads: bool,
    expires: int | None,
    as_json: bool,
) -> None:
    """Share clips on one page, and print its address.

    Whoever has the address sees the clips, unless the page asks for a password.
    """
    if asks and reads:
        raise click.UsageError("--password and --password-stdin: one of the two")
    password = _password(asks=asks) if asks or reads else None

    async def work(session: ClipSession) -> None:
        link = await session.create_shared_clip_group(
            clip_uuids, title=title, plaintext_password=password, expiration_time_secs=expires
        )
        if as_json:
            echo_json(link)
            return
        echo(link.share_url)
        say(f"`rhombus-clips unshare {link.uuid}` takes the page away again")

    in_session(work)


@click.command(context_settings=TAKES_UUIDS)
@click.argument("group_uuid", type=Uuid())
@yes_option
def unshare(*, group_uuid: str, yes: bool) -> None:
    """Take a shared page away for good; its clips stay."""

    async def look(session: ClipSession) -> SharedClipGroupWithDetails:
        return await session.get_shared_clip_group_details(group_uuid)

    async def delete(session: ClipSession) -> None:
        await session.delete_shared_clip_group(group_uuid)

    group = in_session(look)
    what = f"the page “{group.title or ''}” with {len(group.shared_clips or ())} clips"
    confirm(f"Take {what} away for good?", yes=yes)
    in_session(delete)
    echo(f"Took away {what}.")


def _password(*, asks: bool) -> str:
    if not asks:
        password = _first_line()
    elif is_answered():
        password = asked(
            lambda: str(
                click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
            )
        )
    else:
        raise click.UsageError("nobody can be asked here for a password: --password-stdin reads it")
    if not password:
        raise click.UsageError("the password is empty")
    return password


def _first_line() -> str:
    if sys.stdin is None:  # It was closed before the start.
        return ""
    try:
        line = sys.stdin.readline().rstrip("\r\n")
        line.encode()
    except UnicodeError:
        raise click.UsageError(
            f"the password is not text in the encoding of the standard input, {sys.stdin.encoding}"
        ) from None
    return line
