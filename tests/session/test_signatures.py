"""The public signatures of `ClipSession`: wrong calls, independent parts, typed settings."""

import inspect
from collections.abc import Callable
from typing import Any, get_type_hints

import pytest

from rhombus_clips import ClipSession
from rhombus_clips.session import SessionOptions, SessionSettings
from rhombus_clips.session.resource import Resource

METHODS: dict[str, Callable[..., Any]] = {
    name: member
    for name, member in inspect.getmembers(ClipSession, callable)
    if not name.startswith("_")
}


@pytest.mark.parametrize("name", METHODS)
def test_error_for_a_wrong_call_names_the_session(name: str) -> None:
    """It does not name the mixin that defines the method."""
    method = getattr(ClipSession("k" * 22), name)
    with pytest.raises(TypeError, match=rf"^ClipSession\.{name}\(\)"):
        method(*range(50))
    kinds = {each.kind for each in inspect.signature(method).parameters.values()}
    if inspect.Parameter.VAR_KEYWORD not in kinds:
        with pytest.raises(TypeError, match=rf"^ClipSession\.{name}\(\)"):
            method(no_such_parameter=1)
    assert METHODS[name].__qualname__ == f"ClipSession.{name}"


def test_error_for_a_missing_argument_names_the_session() -> None:
    session: Any = ClipSession("k" * 22)
    with pytest.raises(TypeError, match=r"^ClipSession\.get_clip_with_progress\(\) missing 1"):
        session.get_clip_with_progress()


def test_parts_of_the_session_are_independent() -> None:
    """None of them extends another."""
    parts = [part for part in ClipSession.__mro__ if issubclass(part, Resource)]
    assert set(parts) == {ClipSession, *ClipSession.__bases__, Resource}
    assert all(part.__bases__ == (Resource,) for part in ClipSession.__bases__)
    names = [name for part in ClipSession.__bases__ for name in vars(part) if name in METHODS]
    assert len(names) == len(set(names))


def test_settings_of_from_env_are_those_of_the_constructor() -> None:
    parameters = inspect.signature(ClipSession).parameters
    hints = get_type_hints(ClipSession.__init__)
    assert get_type_hints(SessionSettings) == {name: hints[name] for name in parameters}
    assert get_type_hints(SessionOptions).keys() == parameters.keys() - {"api_key"}
