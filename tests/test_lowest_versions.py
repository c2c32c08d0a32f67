"""The list of the lowest versions that the requirements allow."""

import tomllib
from pathlib import Path

import pytest

from tests.lowest_versions import lowest_versions


def test_every_requirement_of_the_package_and_its_tests_has_one_lower_bound() -> None:
    pyproject = Path(__file__).parents[1] / "pyproject.toml"
    lines = lowest_versions(tomllib.loads(pyproject.read_text("utf-8"))["project"])
    assert "aiohttp==3.13.3" in lines
    names = [line.partition("==")[0] for line in lines]
    assert names == sorted(set(names))
    assert {"anyio", "attrs", "cattrs", "click", "orjson", "pytest", "rich"} <= set(names)
    assert "tenacity" not in names


@pytest.mark.parametrize(
    ("dependencies", "words"),
    [
        (["attrs"], "no lower bound"),
        (["attrs<26"], "no lower bound"),
        (["attrs>=25", "attrs>=26"], "two lower bounds"),
    ],
)
def test_requirement_without_a_unique_lower_bound_is_an_error(dependencies, words) -> None:
    project = {"name": "x", "dependencies": dependencies, "optional-dependencies": {}}
    project["optional-dependencies"] = {"speedups": [], "cli": [], "test": ["x[cli]"]}
    with pytest.raises(ValueError, match=words):
        lowest_versions(project)
