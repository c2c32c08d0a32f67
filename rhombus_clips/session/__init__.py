"""The session: one coroutine per endpoint, and the entry points to listings, renders and files."""

from rhombus_clips.session.clip_session import ClipSession

__all__ = ["ClipSession"]
