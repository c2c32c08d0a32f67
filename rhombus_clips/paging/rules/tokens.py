"""Following opaque page tokens: the token alone says whether a page follows."""

from collections.abc import Sequence

from rhombus_clips.errors import CursorCycleError, CursorStalledError

LARGEST_TOKEN_PAGE = 200
"""How many clips the reference lets a page that has a token list."""

_MOST_PAGES_WITH_NOTHING_NEW = 100

_MOST_REMEMBERED = 10_000
"""How many items are told from those that follow, so that memory does not grow with a listing."""


class TokenWalk:
    """A walk from page to page, by the token that each page gives for the next.

    The service's word: no token, no more data. An empty token is none either: asked with, it
    would begin the listing anew.

    :param token: Where to begin; None for the beginning.
    """

    def __init__(self, token: str | None) -> None:
        self.token = token
        self.is_at_end = False
        # Hashes and no tokens, so that a long listing costs some bytes for each of its pages.
        self._asked_with: set[int] = set()
        self._seen: dict[str, None] = {}
        self._pages_with_nothing_new = 0

    def check(self) -> None:
        """Raise `CursorCycleError` when the page to ask for was listed before.

        And `CursorStalledError` when a hundred pages in a row brought nothing; asked once more,
        it lets another hundred pass.
        """
        if self.token is not None and hash(self.token) in self._asked_with:
            raise CursorCycleError(
                "the service gave a page token that it had given before: what follows it would"
                " only come again"
            )
        if self._pages_with_nothing_new >= _MOST_PAGES_WITH_NOTHING_NEW:
            self._pages_with_nothing_new = 0
            raise CursorStalledError(
                f"{_MOST_PAGES_WITH_NOTHING_NEW} pages in a row brought nothing new"
            )

    def take(self, uuids: Sequence[str | None], token: str | None) -> list[int]:
        """Note the page that came for `token`, and the token that it gives for the next.

        Returns which of its items are new, by index. One that came before was shifted onto this
        page while the listing grew, unless that is 10,000 items ago; one without a uuid cannot be
        told and is new.
        """
        self._asked_with.add(hash(self.token))
        fresh: list[int] = []
        for index, uuid in enumerate(uuids):
            if uuid is None or uuid not in self._seen:
                fresh.append(index)
            if uuid is not None:
                self._seen[uuid] = None
        while len(self._seen) > _MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._pages_with_nothing_new = 0 if fresh else self._pages_with_nothing_new + 1
        self.token = token or None
        self.is_at_end = self.token is None
        return fresh
