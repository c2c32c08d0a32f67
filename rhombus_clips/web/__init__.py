"""Routes for web backends: clips as JSON, events, videos, shares, and the vendor's React player.

`aiohttp_routes` adds them to an application of aiohttp.web. `asgi_app` is an application for ASGI
servers and frameworks, such as FastAPI and Litestar. Both translate between their framework and the
handlers of this package, which know no framework.
"""

from rhombus_clips.web.aiohttp_adapter import aiohttp_routes
from rhombus_clips.web.asgi_adapter import asgi_app
from rhombus_clips.web.authorization import Action
from rhombus_clips.web.settings import Limits, RouteOptions

__all__ = ["Action", "Limits", "RouteOptions", "aiohttp_routes", "asgi_app"]
