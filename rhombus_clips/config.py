"""Where settings come from when the program does not give them: the environment."""

import os

from attrs import field, frozen

from rhombus_clips.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api2.rhombussystems.com"
"""The US region. Documented at https://api-docs.rhombus.community; EU has a host of its own."""


@frozen
class Environment:
    """The settings that the environment names, under the official command line's names."""

    api_key: str = field(repr=False)
    endpoint_url: str = DEFAULT_BASE_URL


def environment() -> Environment:
    """Read ``RHOMBUS_API_KEY`` and ``RHOMBUS_ENDPOINT_URL``.

    Raises `ConfigurationError` when there is no key.
    """
    api_key = os.environ.get("RHOMBUS_API_KEY")
    if not api_key:
        raise ConfigurationError("set RHOMBUS_API_KEY to an API key of your organization")
    return Environment(api_key, os.environ.get("RHOMBUS_ENDPOINT_URL") or DEFAULT_BASE_URL)
