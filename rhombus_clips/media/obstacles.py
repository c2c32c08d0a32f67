"""What keeps one clip from its file, and what would keep every other from its own too."""

import errno

from rhombus_clips.calls.retry import concerns_every_call

# A disk that is full, failing, read-only or beyond its quota, and a process or a machine that has
# no more files to open. Not every system has all of them.
_OF_THE_MACHINE = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EROFS", "EIO", "EMFILE", "ENFILE", "ENOMEM")
    if hasattr(errno, name)
)


def meets_every_clip(error: Exception) -> bool:
    """Whether any other clip would meet *error* too, so that it is of no use to go on.

    What the folder of the files has to do with it is not in the error: see there.
    """
    if isinstance(error, OSError) and error.errno in _OF_THE_MACHINE:
        return True
    return isinstance(error, MemoryError) or concerns_every_call(error)
