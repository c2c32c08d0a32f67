"""The vendor's React SDK, as far as it talks to a backend: what it sends, and what it reads."""

from typing import Any

import aiohttp
from attrs import define

BODY = {
    "title": "Delivery",
    "deviceUuids": ["AAAAAAAAAAAAAAAAAAAAAA.v0", "AAAAAAAAAAAAAAAAAAAAAA.a0"],
    "startTimeMillis": 1_700_000_000_123,
    "durationSec": 60,
    "audioIncluded": True,
    "clipVisibility": "ORG_WIDE",
    "saveToConsole": True,
}
HEADERS = {"Content-Type": "application/json", "Accept": "application/json"}


class SdkError(Exception):
    """What the SDK shows to its user."""


@define
class Sdk:
    """A client that follows the SDK's code, without its user interface."""

    http: aiohttp.ClientSession
    base_url: str

    async def save_clip(self, body: dict[str, Any]) -> str:
        """Start a splice, and return the uuid of the clip."""
        answer = await self._post("/api/save-clip", body)
        uuid = answer.get("clipUuid") or next(iter(answer.get("clipUuidList") or []), None)
        if not uuid:
            raise SdkError("spliceV3 did not return a clipUuid")
        return str(uuid)

    async def poll(self, clip_uuid: str) -> dict[str, Any] | None:
        """Poll once. Return the clip if it is complete; raise an error if its render failed."""
        answer = await self._post("/api/clip-progress", {"clipUuid": clip_uuid})
        clip: dict[str, Any] = answer.get("clip") or {}
        if clip.get("status") == "FAILED":
            raise SdkError(clip.get("currentOperation") or "Clip render failed")
        is_complete = clip.get("status") == "COMPLETE" or (
            clip.get("percentComplete") == 100 and clip.get("currentOperation") == "Complete"
        )
        return clip if is_complete else None

    def download_url(self, clip: dict[str, Any], clip_uuid: str) -> str:
        """Return the URL that the page navigates to."""
        region = (clip.get("clipLocation") or clip.get("thumbnailLocation") or {}).get("region")
        query = f"?clipUuid={clip_uuid}" + (f"&region={region}" if region else "")
        return f"{self.base_url}/api/clip-download{query}"

    async def presence_windows(self, body: dict[str, Any]) -> dict[str, Any]:
        """Ask for the footage of a camera."""
        return await self._post("/api/presence-windows", body)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        async with self.http.post(self.base_url + path, json=body, headers=HEADERS) as response:
            if response.ok:
                return dict(await response.json())
            try:
                message = (await response.json(content_type=None)).get("errorMsg")
            except ValueError:
                message = None
            raise SdkError(message or f"Request to {path} failed with {response.status}")
