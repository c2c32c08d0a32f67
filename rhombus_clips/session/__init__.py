"""`ClipSession`: one method per endpoint, and the entry points to listings, renders and files."""

from rhombus_clips.session.clip_filters import ClipFilters
from rhombus_clips.session.clip_session import ClipSession, SessionOptions, SessionSettings

__all__ = ["ClipFilters", "ClipSession", "SessionOptions", "SessionSettings"]
