"""What the stand-in service keeps of the requests that came."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class ReceivedRequest:
    """A request as the server got it."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: float
    """When, on the clock of the event loop."""
    method: str = "POST"
    query: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    target: str = field(default="", repr=False)
    """What the request line named, path and query, byte for byte."""

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def header(self, name: str) -> str | None:
        """The header of that name, in whatever case it came; None where there is none."""
        for given, value in self.headers.items():
            if given.lower() == name.lower():
                return value
        return None
