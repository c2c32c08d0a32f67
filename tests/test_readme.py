"""The README: its Python runs, its Quick start is two lines, its table names every error."""

import asyncio
import pathlib
import re
import textwrap
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from rhombus_clips import errors

README = pathlib.Path(__file__).parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")


def _blocks(language: str, text: str = TEXT) -> list[str]:
    fenced = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in fenced]


@pytest.fixture
def environment(fake_elsewhere, monkeypatch, tmp_path):
    """What ``rhombus-clips fake`` would print, in an empty folder."""
    fake_elsewhere.render_seconds = 0.1
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHOMBUS_MEDIA_URL", fake_elsewhere.media_url)
    monkeypatch.setenv("RHOMBUS_API_KEY", fake_elsewhere.api_key)
    monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", fake_elsewhere.url)
    return fake_elsewhere


@pytest.mark.parametrize("block", _blocks("python"))
def test_python_of_the_readme_runs(block: str, environment) -> None:
    """Each block as it stands, against the stand-in."""
    namespace: dict[str, Any] = {"__name__": "readme"}
    exec(compile(block, "README.md", "exec"), namespace)
    if "make_app" in namespace:
        asyncio.run(_use_backend(namespace["make_app"](), environment))


async def _use_backend(app, fake) -> None:
    async with TestClient(TestServer(app)) as client:
        clips = await (await client.get("/clips")).json()
        assert [clip["uuid"] for clip in clips] == [clip["uuid"] for clip in fake.clips[:25]]
        clip = await (await client.get(f"/clips/{clips[0]['uuid']}")).json()
        assert clip["uuid"] == clips[0]["uuid"]
        assert (await client.get("/clips/unknown")).status == 404


def test_there_is_python_to_run() -> None:
    assert len(_blocks("python")) == 9


def test_quick_start_is_two_lines_of_shell() -> None:
    section = TEXT.partition("## Quick start\n")[2].partition("\n## ")[0]
    blocks = _blocks("sh", section)
    assert len(blocks) == 2
    assert all(block.count("\n") == 1 for block in blocks)
    assert "demo" in blocks[0]
    assert "pytest" in blocks[1]


def test_table_of_errors_names_every_error() -> None:
    table = TEXT.partition("## When something fails\n")[2].partition("\n## ")[0]
    kinds = {value for value in vars(errors).values() if isinstance(value, type)}
    names = {kind.__name__ for kind in kinds if issubclass(kind, Exception)} - {"TransportError"}
    assert {name for name in names if f"`{name}`" not in table} == set()


def test_table_of_dependencies_names_every_dependency() -> None:
    project = (README.parent / "pyproject.toml").read_text(encoding="utf-8")
    listed = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert listed is not None
    for name in re.findall(r'"([a-z]+)', listed[1]):
        assert f"| [{name}](" in TEXT
