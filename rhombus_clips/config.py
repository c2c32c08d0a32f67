"""Where settings come from when the program does not give them: the environment."""

import os

DEFAULT_BASE_URL = "https://api2.rhombussystems.com"
"""The US region. Documented at https://api-docs.rhombus.community; EU has a host of its own."""

DEFAULT_MEDIA_URL = "https://media.rhombussystems.com"
"""The files of the US region. Where those of others lie is not documented."""


def settings_of_environment() -> dict[str, str]:
    """What the environment says of a session.

    The ``api_key`` of ``RHOMBUS_API_KEY``, the ``base_url`` of ``RHOMBUS_ENDPOINT_URL`` and the
    ``media_url`` of ``RHOMBUS_MEDIA_URL``.

    What is not set, or empty, is left out.
    """
    variables = {
        "api_key": "RHOMBUS_API_KEY",
        "base_url": "RHOMBUS_ENDPOINT_URL",
        "media_url": "RHOMBUS_MEDIA_URL",
    }
    values = {setting: os.environ.get(variable) for setting, variable in variables.items()}
    return {setting: value for setting, value in values.items() if value}
