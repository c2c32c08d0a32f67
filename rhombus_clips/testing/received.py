"""The requests that `FakeRhombus` has received."""

import json
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen


@frozen
class ReceivedRequest:
    """A request as the server received it."""

    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    received_at: float
    """The time of arrival, by the clock of the event loop."""
    method: str = "POST"
    query: Mapping[str, str] = field(factory=dict[str, str], repr=False)
    target: str = field(default="", repr=False)
    """The path and query of the request line, byte for byte."""

    @property
    def json(self) -> Any:
        """The body as JSON. To the service, no body and an empty object mean the same."""
        return json.loads(self.body or b"{}")

    def header(self, name: str) -> str | None:
        """Return a header by its case-insensitive name, or None."""
        values = (value for given, value in self.headers.items() if given.lower() == name.lower())
        return next(values, None)
