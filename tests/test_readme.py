"""README and the guides: their examples run, their links work and their tables are complete."""

import ast
import asyncio
import inspect
import os
import pathlib
import re
import subprocess
import sys
import textwrap
from types import ModuleType

import pytest
from aiohttp.test_utils import TestClient, TestServer

from rhombus_clips import ClipSession, errors
from tests.components import required

ROOT = pathlib.Path(__file__).parent.parent
README = ROOT / "README.md"
TEXT = README.read_text(encoding="utf-8")
DOCUMENTS = [
    README,
    *sorted((ROOT / "rhombus_clips").rglob("README.md")),
    *sorted((ROOT / "benchmarks").rglob("README.md")),
]
MOST_LINES = 300


def _blocks(language: str, text: str) -> list[str]:
    fenced = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", text, re.DOTALL | re.MULTILINE)
    return [textwrap.dedent(block) for _, block in fenced]


def _section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def _name(document: pathlib.Path) -> str:
    return document.relative_to(ROOT).as_posix()


def _python_of(document: pathlib.Path) -> list[str]:
    return _blocks("python", document.read_text(encoding="utf-8"))


# tests/web_guide runs these examples as programs, and tests/web the backends of README.
WEB_GUIDE = ROOT / "rhombus_clips/session/README.md"
BACKEND = "async def authorize"
EXAMPLES = [
    pytest.param(block, id=f"{_name(document)} {number}")
    for document in DOCUMENTS
    if document != WEB_GUIDE
    for number, block in enumerate(_python_of(document), 1)
    if not (document == README and BACKEND in block)
]


# --- examples --------------------------------------------------------------------------------


@pytest.fixture
def environment(fake_elsewhere, monkeypatch, tmp_path):
    """The variables that ``rhombus-clips fake`` prints, and an empty folder to work in."""
    fake_elsewhere.render_seconds = 0.1
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RHOMBUS_MEDIA_URL", fake_elsewhere.media_url)
    monkeypatch.setenv("RHOMBUS_API_KEY", fake_elsewhere.api_key)
    monkeypatch.setenv("RHOMBUS_ENDPOINT_URL", fake_elsewhere.url)
    return fake_elsewhere


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_runs(example: str, environment, monkeypatch) -> None:
    """Programs and tests run unchanged; snippets run with the names that README promises them."""
    for component in re.findall(
        r"^(?:from|import) (duckdb|fastapi|litestar|msgspec|polars)", example, re.MULTILINE
    ):
        required(component)
    if "rhombus_clips.tables" in example:
        required("pyarrow")
        required("pandas")
    code = compile(example, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(_run_snippet(code, environment))
        return
    if re.search(r"^(async )?def test_", example, re.MULTILINE) and "asyncio.run" not in example:
        _run_tests(example)
        return
    module = ModuleType("example")
    monkeypatch.setitem(sys.modules, "example", module)  # Frameworks look up annotations there.
    namespace = vars(module)
    namespace["ClipSession"] = ClipSession
    exec(code, namespace)
    if "make_app" in namespace:
        asyncio.run(_use_backend(namespace["make_app"](), environment))
    if "make_video_app" in namespace:
        asyncio.run(_seek_in_video(namespace["make_video_app"], environment))


async def _run_snippet(code, fake) -> None:
    async with ClipSession.from_env() as session:
        namespace = {
            "__name__": "example",
            "ClipSession": ClipSession,
            "session": session,
            "clip_uuid": fake.clips[0]["uuid"],
            "clip_uuids": [clip["uuid"] for clip in fake.clips[:3]],
            "alert_uuid": "A" * 22,
            "camera_uuid": fake.clips[0]["deviceUuid"],
        }
        await eval(code, namespace)


def _run_tests(example: str) -> None:
    pathlib.Path("test_example.py").write_text(example, encoding="utf-8")
    pathlib.Path("pytest.ini").write_text("[pytest]\nanyio_mode = auto\n", encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
    # Options for the tests of the library, such as coverage, are not for the example.
    environment = {**os.environ, "PYTEST_ADDOPTS": ""}
    subprocess.run([*command, "test_example.py"], check=True, timeout=60, env=environment)


async def _use_backend(app, fake) -> None:
    async with TestClient(TestServer(app)) as client:
        seen: list[str] = []
        query: dict[str, str] = {}
        while True:
            page = await (await client.get("/clips", params=query)).json()
            seen += [clip["uuid"] for clip in page["clips"]]
            if page["cursor"] is None:
                break
            assert len(page["clips"]) == 25
            query = {"cursor": page["cursor"]}
        assert sorted(seen) == sorted(clip["uuid"] for clip in fake.clips)
        first = await client.get("/clips", params={"cursor": ""})
        assert len((await first.json())["clips"]) == 25
        damaged = await client.get("/clips", params={"cursor": "x" + query["cursor"]})
        assert damaged.status == 400
        assert "cursor" in (await damaged.json())["error"]


async def _seek_in_video(make_app, fake) -> None:
    clip = next(clip for clip in fake.clips if clip["status"] == "COMPLETE")
    data = bytes(range(256)) * 40
    fake.put_media(clip["uuid"], data)
    path = f"/clips/{clip['uuid']}/video"
    async with (
        ClipSession.from_env() as session,
        TestClient(TestServer(make_app(session))) as client,
    ):
        whole = await client.get(path)
        assert (whole.status, await whole.read()) == (200, data)
        etag = whole.headers["ETag"]
        for value, start, stop in [
            ("bytes=9-19", 9, 20),
            ("bytes=9-", 9, 10240),
            ("bytes=-5", -5, 10240),
        ]:
            part = await client.get(path, headers={"Range": value, "If-Range": etag})
            assert (part.status, await part.read()) == (206, data[start:stop])
            assert part.headers["Content-Range"] == f"bytes {start % 10240}-{stop - 1}/10240"
        changed = await client.get(path, headers={"Range": "bytes=9-19", "If-Range": '"x"'})
        assert (changed.status, len(await changed.read())) == (200, len(data))
        beyond = await client.get(path, headers={"Range": "bytes=99999-"})
        assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */10240")
        fake.put_media(clip["uuid"], b"")
        empty = await client.get(path)
        assert (empty.status, empty.headers["Content-Range"]) == (416, "bytes */0")
        unfinished = await client.get(f"/clips/{fake.start_render(seconds=3600)}/video")
        assert unfinished.status == 409


def test_each_document_that_explains_a_package_has_an_example() -> None:
    documents = {_name(document) for document in DOCUMENTS if _python_of(document)}
    packages = ("paging", "renders", "calls", "media", "testing", "codec", "web")
    assert documents >= {"README.md", *(f"rhombus_clips/{name}/README.md" for name in packages)}


# --- README ----------------------------------------------------------------------------------


def test_readme_is_short() -> None:
    assert len(TEXT.splitlines()) <= MOST_LINES


def test_quick_start_has_two_commands() -> None:
    """The checks of every change run the first two shell blocks of this section."""
    blocks = _blocks("sh", _section("Quick start"))
    assert len(blocks) == 2
    assert all(block.count("\n") == 1 for block in blocks)
    assert "demo" in blocks[0]
    assert "pytest" in blocks[1]


def test_method_table_lists_every_method_with_its_parameters() -> None:
    listed = re.findall(r"`(\w+(?:\([^`]*\))?)`", _table("Methods"))
    assert sorted(listed) == sorted(map(_call_of, _public_names(ClipSession)))


def _public_names(owner: type) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]


def _call_of(name: str) -> str:
    """A method as the table writes it: ``name(positional, keyword=, **rest)``."""
    if isinstance(inspect.getattr_static(ClipSession, name), property):
        return name
    parameters = [
        _parameter(parameter)
        for parameter in inspect.signature(getattr(ClipSession, name)).parameters.values()
        if parameter.name != "self"
    ]
    return f"{name}({', '.join(parameters)})"


def _parameter(parameter: inspect.Parameter) -> str:
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return f"**{parameter.name}"
    is_keyword = parameter.kind is inspect.Parameter.KEYWORD_ONLY
    return f"{parameter.name}=" if is_keyword else parameter.name


def test_error_table_lists_every_error() -> None:
    listed = set(re.findall(r"`(\w+Error)`", _table("Errors")))
    assert listed >= set(errors.__all__) - {"RhombusError"}


def test_dependency_table_lists_every_dependency() -> None:
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    required = re.search(r"^dependencies = \[(.*?)^\]", project, re.DOTALL | re.MULTILINE)
    assert required is not None
    listed = re.findall(r"^\| \[([a-z]+)\]\(", _table("Dependencies"), re.MULTILINE)
    assert sorted(listed) == sorted(re.findall(r'"([a-z]+)', required[1]))


def test_package_table_links_every_package_and_module() -> None:
    listed = set(re.findall(r"\]\((rhombus_clips/[\w.]+)\)", _table("Packages")))
    package = ROOT / "rhombus_clips"
    modules = [*package.glob("*.py"), *(path.parent for path in package.glob("*/__init__.py"))]
    names = {path.name for path in modules if not path.name.startswith("_")}
    assert names <= {path.removeprefix("rhombus_clips/") for path in listed} | {"concurrency.py"}


def _table(title: str) -> str:
    return "\n".join(line for line in _section(title).splitlines() if line.startswith("|"))


# --- links -----------------------------------------------------------------------------------


@pytest.mark.parametrize("document", DOCUMENTS, ids=_name)
def test_relative_links_lead_to_files(document: pathlib.Path) -> None:
    prose = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s#]+)", prose)
    relative = [target for target in targets if not re.match(r"[a-z]+:", target)]
    assert [target for target in relative if not (document.parent / target).exists()] == []
