"""The programs of the guide for web backends: the code blocks of a framework, one after another."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

GUIDE = Path(__file__).parents[2] / "rhombus_clips/session/README.md"
TOPICS = ["Start", "Errors", "Page", "Events", "Video"]
TITLES = {"fastapi": "FastAPI", "aiohttp": "aiohttp.web"}


def blocks_of(framework: str) -> dict[str, str]:
    """Return the Python blocks of *framework*, by topic."""
    found = re.findall(
        r"^### (\w+): (\S+)\n\n```python\n(.*?)^```$",
        GUIDE.read_text(encoding="utf-8"),
        re.DOTALL | re.MULTILINE,
    )
    return {topic: code for topic, title, code in found if title == TITLES[framework]}


def javascript() -> str:
    """Return the script for the browser."""
    found = re.search(r"^```js\n(.*?)^```$", GUIDE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[1]


def program_of(framework: str, edit: Callable[[str], str] = str) -> Any:
    """Return a module with all blocks of *framework*, after *edit* of their text."""
    module = ModuleType("backend")
    code = compile(edit("\n\n".join(blocks_of(framework).values())), str(GUIDE), "exec")
    exec(code, vars(module))
    return module
