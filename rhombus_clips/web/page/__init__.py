"""A page that shows the clips of a session to a browser on the same machine.

Its files in ``static/`` are served as they are. The page uses the routes of `aiohttp_routes`, like
the page of any other application.
"""

from rhombus_clips.web.page.access import LocalAccess
from rhombus_clips.web.page.application import page_application

__all__ = ["LocalAccess", "page_application"]
