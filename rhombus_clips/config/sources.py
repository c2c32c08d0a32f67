"""Where the settings of a session come from."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rhombus_clips.config.profiles import DEFAULT_PROFILE, find_profile
from rhombus_clips.errors import ConfigurationError

DEFAULT_BASE_URL = "https://api2.rhombussystems.com"
"""The US region. https://api-docs.rhombus.community documents it; the EU has a separate host."""

DEFAULT_MEDIA_URL = "https://media.rhombussystems.com"
"""The media host of the US region. The hosts of other regions are not documented."""

_KEY, _PROFILE = "RHOMBUS_API_KEY", "RHOMBUS_PROFILE"
_HOSTS = {"base_url": "RHOMBUS_ENDPOINT_URL", "media_url": "RHOMBUS_MEDIA_URL"}


def configured(profile: str | None, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a session: those that are *given*, and the rest from one source.

    The key, its kind, its certificate and the hosts belong together: a key of one organization must
    never be sent to the host that another one uses. So they come from the first of these sources
    that has a key, and are never mixed:

    1. *given*, if it has an ``api_key``;
    2. the profile that is named by *profile* or, if that is None, by ``RHOMBUS_PROFILE``;
    3. the environment: ``RHOMBUS_API_KEY``, ``RHOMBUS_ENDPOINT_URL``, ``RHOMBUS_MEDIA_URL``;
    4. the profile ``default``.

    :param profile: The name of a profile in ``~/.rhombus``.
    :param given: Settings that override those of the source one by one.
    :raises ConfigurationError: if no source has a key, or a profile is invalid.
    """
    if profile is not None and (not isinstance(profile, str) or not profile):  # pyright: ignore[reportUnnecessaryIsInstance]  # for untyped callers
        del given  # A traceback with local variables must not show the key.
        raise ConfigurationError(f"profile must be the name of a profile, not {profile!r}")
    if given.get("api_key") is not None:
        if profile is not None:
            del given
            raise ConfigurationError("pass either api_key or profile, not both")
        return {**given}
    found = _of_first_source(profile)
    if given.get("http") is not None:
        found.pop("tls", None)  # The connector of the caller's client session determines TLS.
    if given.get("org_uuid") is not None:
        # Only a partner acts for another organization. A profile says what its key is.
        found.setdefault("auth_scheme", "partner-api-token")
    return {**found, **given}


def _of_first_source(profile: str | None) -> dict[str, Any]:
    folder = Path("~/.rhombus").expanduser()
    name = profile or os.environ.get(_PROFILE)
    if name:
        origin = "profile" if profile else _PROFILE
        return find_profile(folder, name, named_by=origin)
    hosts = {setting: os.environ[name] for setting, name in _HOSTS.items() if os.environ.get(name)}
    if os.environ.get(_KEY):
        return {**hosts, "api_key": os.environ[_KEY]}
    found = find_profile(folder, DEFAULT_PROFILE)
    if not found:
        raise ConfigurationError(
            f"no API key was found: set {_KEY} to an API key, or pass api_key. Searched: {_KEY},"
            f" {_PROFILE}, and the profile {DEFAULT_PROFILE} in {folder / 'credentials'}"
        )
    if hosts:
        del found
        names = " and ".join(_HOSTS[setting] for setting in hosts)
        raise ConfigurationError(
            f"{names} would apply to the key in {folder / 'credentials'}, which may belong to"
            f" another host: set {_KEY} as well, or {_PROFILE} to use a profile with its own host"
        )
    return found
