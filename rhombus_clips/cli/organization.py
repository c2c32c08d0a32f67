"""The options that select the organization whose clips a command is about."""

from collections.abc import Callable
from typing import TypedDict

import click

_META = "rhombus_clips.organization"


class OrganizationSettings(TypedDict, total=False):
    """Settings of a session that the options determine."""

    profile: str
    org_uuid: str


def add_options(command: click.Command) -> None:
    """Add ``--profile`` and ``--partner-org`` to *command*. Those of its group apply to it, too."""
    command.params += [
        click.Option(
            ["--profile"], expose_value=False, callback=_keep("profile"), metavar="NAME",
            help="Use this profile of ~/.rhombus.",
        ),
        click.Option(
            ["--partner-org"], expose_value=False, callback=_keep("org_uuid"), metavar="ORG_UUID",
            help="As a partner, act for this client organization.",
        ),
    ]  # fmt: skip


def _keep(setting: str) -> Callable[[click.Context, click.Parameter, str | None], None]:
    def keep(context: click.Context, _option: click.Parameter, value: str | None) -> None:
        if value is not None:
            context.meta.setdefault(_META, {})[setting] = value

    return keep


def chosen_organization() -> OrganizationSettings:
    """Return the settings that the options of the running command determine."""
    context = click.get_current_context(silent=True)
    return {} if context is None else context.meta.get(_META, {})
