"""Components that some tests need, and that the extra `test` does not install.

A missing component skips the tests that need it, with a reason in pytest's summary. With
``CI=true`` it fails the run instead, so that no change is accepted without these tests. A run that
intentionally installs only the extra `test` also sets ``RHOMBUS_OPTIONAL_COMPONENTS=1``, and skips:
`.ci/run` does that for the lowest versions and for other versions of Python.
"""

import importlib
import os
import shutil
from typing import Any, NoReturn

import pytest


def required(module: str) -> Any:
    """Return *module*, an import name; skip or fail if it is missing.

    Call it in a test, or at the top of a test module to skip the whole module.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise  # The component is installed, and broken.
    return _missing(f"{module} is not installed: pip install -e '.[dev]'")


def required_program(*names: str) -> str:
    """Return the path of the first of *names* on ``PATH``; skip or fail if there is none."""
    for name in names:
        path = shutil.which(name)
        if path is not None:
            return path
    return _missing(f"none of these programs is installed: {', '.join(names)}")


def _missing(reason: str) -> NoReturn:
    is_optional = os.environ.get("RHOMBUS_OPTIONAL_COMPONENTS") == "1"
    if os.environ.get("CI") == "true" and not is_optional:
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
