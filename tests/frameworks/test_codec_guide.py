"""The backends in the codec guide, served by each framework's own test client."""

import pathlib
import re
import sys
from types import ModuleType
from typing import Any

import pytest

from rhombus_clips.testing import FakeRhombus, faults
from tests.components import required

GUIDE = pathlib.Path(__file__).parents[2] / "rhombus_clips" / "codec" / "README.md"


@pytest.fixture
def environment(fake_elsewhere: FakeRhombus, monkeypatch: pytest.MonkeyPatch) -> FakeRhombus:
    monkeypatch.setenv("RHOMBUS_API_KEY", fake_elsewhere.api_key)
    monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", fake_elsewhere.url)
    return fake_elsewhere


@pytest.fixture(params=["fastapi", "litestar"])
def client(request: pytest.FixtureRequest, environment: FakeRhombus, monkeypatch: Any) -> Any:
    """A client of the backend, whose event loop runs in a thread while the client is open."""
    framework = required(request.param)
    testing = pytest.importorskip(f"{framework.__name__}.{_TESTING[request.param]}")
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = (block for block in blocks if f"from {request.param} import" in block)
    module = ModuleType("backend")
    monkeypatch.setitem(sys.modules, "backend", module)  # Frameworks look up annotations there.
    exec(compile(block, "backend", "exec"), vars(module))
    with testing.TestClient(vars(module)["app"]) as client:
        yield client


_TESTING = {"fastapi": "testclient", "litestar": "testing"}


def test_pages_list_every_clip(client: Any, environment: FakeRhombus) -> None:
    seen: list[str] = []
    page = client.get("/clips", params={"cursor": ""}).json()
    while True:
        seen += [clip["uuid"] for clip in page["clips"]]
        if page["cursor"] is None:
            break
        page = client.get("/clips", params={"cursor": page["cursor"]}).json()
    assert sorted(seen) == sorted(clip["uuid"] for clip in environment.clips)


def test_bad_cursor_is_a_bad_request(client: Any, environment: FakeRhombus) -> None:
    response = client.get("/clips", params={"cursor": "damaged"})
    assert response.status_code == 400
    assert "cursor" in response.json()["error"]
    assert environment.requests == []


def test_failure_of_the_service_is_a_bad_gateway(client: Any, environment: FakeRhombus) -> None:
    environment.faults = [faults.ACCESS_DENIED]
    response = client.get("/clips")
    assert response.status_code == 502
    assert set(response.json()) == {"error"}


def test_model_in_a_request_is_returned(client: Any, environment: FakeRhombus) -> None:
    clip = environment.clips[0]
    response = client.post("/reviewed", json=clip)
    assert response.status_code in {200, 201}
    assert response.json()["uuid"] == clip["uuid"]


def test_wrong_type_in_a_request_is_reported(client: Any) -> None:
    response = client.post("/reviewed", json={"byteCount": "12"})
    assert response.status_code in {400, 422}
    assert "byteCount" in response.text
