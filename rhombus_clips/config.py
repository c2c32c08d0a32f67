"""Where settings come from when the program does not give them: the environment."""

import os
from typing import Any

from rhombus_clips.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api2.rhombussystems.com"
"""The US region. Documented at https://api-docs.rhombus.community; EU has a host of its own."""

DEFAULT_MEDIA_URL = "https://media.rhombussystems.com"
"""The files of the US region. Where those of others lie is not documented."""


def settings_of_environment() -> dict[str, Any]:
    """What the environment says of a session.

    The ``api_key`` of ``RHOMBUS_API_KEY``, the ``base_url`` of ``RHOMBUS_ENDPOINT_URL`` and the
    ``media_url`` of ``RHOMBUS_MEDIA_URL``.

    Raises `ConfigurationError` when there is no key.
    """
    api_key = os.environ.get("RHOMBUS_API_KEY")
    if not api_key:
        raise ConfigurationError("set RHOMBUS_API_KEY to an API key of your organization")
    base_url = os.environ.get("RHOMBUS_ENDPOINT_URL") or DEFAULT_BASE_URL
    media_url = os.environ.get("RHOMBUS_MEDIA_URL") or None
    return {"api_key": api_key, "base_url": base_url, "media_url": media_url}
