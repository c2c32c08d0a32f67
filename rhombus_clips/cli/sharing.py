"""The commands that share clips and stop sharing them."""

import sys
from collections.abc import Sequence

import click

from rhombus_clips import ClipSession
from rhombus_clips.cli import options
from rhombus_clips.cli.output import echo, echo_json
from rhombus_clips.cli.running import confirm, is_interactive, notify, prompted, run_with_session


@click.command(context_settings=options.TAKES_UUIDS)
@options.clip_uuids_argument()
@click.option("--title", type=options.TEXT, default="", help="The title of the page.")
@click.option("--password", "asks", is_flag=True, help="Prompt for a password for the page.")
@click.option("--password-stdin", "reads", is_flag=True,
              help="Read the password from the first line of standard input.")  # fmt: skip
@click.option("--expires", type=options.LIFETIME, metavar="SECONDS|30m|12h|7d",
              help="When the page expires. By default, it does not expire.")  # fmt: skip
@options.as_json_option
def share(
    *,
    clip_uuids: Sequence[str],
    title: str,
    asks: bool,
    reads: bool,
    expires: int | None,
    as_json: bool,
) -> None:
    """Share clips on a web page and print its URL.

    Anyone with the URL can see the clips, unless the page has a password.
    """
    if asks and reads:
        raise click.UsageError("use either --password or --password-stdin, not both")
    password = _password(asks=asks) if asks or reads else None

    async def work(session: ClipSession) -> None:
        link = await session.create_shared_clip_group(
            clip_uuids, title=title, plaintext_password=password, expiration_time_secs=expires
        )
        if as_json:
            echo_json(link)
            return
        echo(link.share_url)
        notify(f"to delete the page, run `rhombus-clips unshare {link.uuid}`")

    run_with_session(work)


@click.command(context_settings=options.TAKES_UUIDS)
@click.argument("group_uuid", type=options.UUID)
@options.yes_option
def unshare(*, group_uuid: str, yes: bool) -> None:
    """Delete a shared page permanently, but not its clips."""
    group = run_with_session(lambda session: session.get_shared_clip_group_details(group_uuid))
    page = f"the page “{group.title or ''}” with {len(group.shared_clips or ())} clips"
    confirm(f"Delete {page} permanently?", yes=yes)
    run_with_session(lambda session: session.delete_shared_clip_group(group_uuid))
    echo(f"Deleted {page}.")


def _password(*, asks: bool) -> str:
    if asks and not is_interactive():
        raise click.UsageError("cannot prompt for a password: use --password-stdin")
    password = prompted(_prompt) if asks else _first_line()
    if not password:
        raise click.UsageError("the password is empty")
    return password


def _prompt() -> str:
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _first_line() -> str:
    if sys.stdin is None:  # It was closed before the process started.
        return ""
    try:
        line = sys.stdin.readline().rstrip("\r\n")
        line.encode()
    except UnicodeError:
        raise click.UsageError(
            "the password is not valid text in the encoding of standard input,"
            f" {sys.stdin.encoding}"
        ) from None
    return line
