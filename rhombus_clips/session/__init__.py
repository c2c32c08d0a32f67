"""`ClipSession`: one method per endpoint, and the entry points to listings, renders and files."""

from rhombus_clips.session.clip_session import ClipSession, SessionSettings

__all__ = ["ClipSession", "SessionSettings"]
