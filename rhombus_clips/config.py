"""Settings from the environment."""

import os

DEFAULT_BASE_URL = "https://api2.rhombussystems.com"
"""The US region. https://api-docs.rhombus.community documents it; the EU has a separate host."""

DEFAULT_MEDIA_URL = "https://media.rhombussystems.com"
"""The media host of the US region. The hosts of other regions are not documented."""

_VARIABLES = {
    "api_key": "RHOMBUS_API_KEY",
    "base_url": "RHOMBUS_ENDPOINT_URL",
    "media_url": "RHOMBUS_MEDIA_URL",
}


def settings_of_environment() -> dict[str, str]:
    """Return the session settings that are set in environment variables.

    These are the ``api_key`` from ``RHOMBUS_API_KEY``, the ``base_url`` from
    ``RHOMBUS_ENDPOINT_URL`` and the ``media_url`` from ``RHOMBUS_MEDIA_URL``. Variables that are
    unset or empty are omitted.
    """
    values = {setting: os.environ.get(variable) for setting, variable in _VARIABLES.items()}
    return {setting: value for setting, value in values.items() if value}
