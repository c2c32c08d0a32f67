"""Settings from the environment and from the files of the official command-line client."""

from rhombus_clips.config.sources import DEFAULT_BASE_URL, DEFAULT_MEDIA_URL, configured

__all__ = ["DEFAULT_BASE_URL", "DEFAULT_MEDIA_URL", "configured"]
