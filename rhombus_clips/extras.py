"""Imports of libraries that only an extra installs."""

from collections.abc import Generator
from contextlib import contextmanager


@contextmanager
def requiring(library: str, *, extra: str, purpose: str) -> Generator[None, None, None]:
    """Explain how to install *library* if the import in the block fails because it is missing.

    :param library: The import name of the library.
    :param extra: The extra of this package that installs it.
    :param purpose: What requires it, such as ``asgi_app``.
    :raises ImportError: if the library is missing. A library that is broken, or lacks something
        else, raises its own exception.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != library:
            raise
        raise ImportError(
            f"{purpose} requires {library}: install the extra {extra}, as in"
            f" pip install 'rhombus-clips[{extra}]'"
        ) from error
