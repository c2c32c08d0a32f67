"""Following opaque page tokens: the token alone decides whether another page follows."""

from collections.abc import Sequence

from attrs import define, field

from rhombus_clips.errors import CursorCycleError, PagingError

LARGEST_TOKEN_PAGE = 200
"""The documented maximum page size of listings with page tokens."""

MOST_PAGES_WITHOUT_NEWS = 100

_MOST_REMEMBERED = 10_000
"""The number of recent items that are compared with new ones; it bounds the memory."""


@define(eq=False)
class TokenWalk:
    """A walk from page to page, by the token that each page returns for the next.

    Only the token ends a listing: a page without one, or with an empty one, is the last, and an
    empty page with a token is not. A request with an empty token would start from the beginning.
    """

    token: str | None
    """The token of the next page; None for the first page."""
    is_at_end: bool = False
    # Hashes instead of tokens: a long listing costs a few bytes per page.
    _used_tokens: set[int] = field(factory=set[int])
    _seen: dict[str, None] = field(factory=dict[str, None])
    _pages_without_news: int = 0

    def check(self) -> None:
        """Raise `CursorCycleError` if the page for `token` was already listed.

        Raise `PagingError` after a hundred consecutive pages without new items. The next
        call allows another hundred.
        """
        if self.token is not None and hash(self.token) in self._used_tokens:
            raise CursorCycleError(
                "the service returned a page token for a second time; its pages would only repeat"
            )
        if self._pages_without_news >= MOST_PAGES_WITHOUT_NEWS:
            self._pages_without_news = 0
            raise PagingError(
                f"{MOST_PAGES_WITHOUT_NEWS} consecutive pages contained no new items; iterate"
                " again to continue from there"
            )

    def take(self, uuids: Sequence[str | None], token: str | None) -> list[int]:
        """Record the page for `token`, and the *token* that it returned for the next page.

        Returns the indexes of the new items. When the listing grows, items of an earlier page move
        to this one. They are recognized unless more than 10,000 items were listed in between. An
        item without a uuid counts as new.
        """
        self._used_tokens.add(hash(self.token))
        new: list[int] = []
        for index, uuid in enumerate(uuids):
            if uuid is None or uuid not in self._seen:
                new.append(index)
            if uuid is not None:
                self._seen[uuid] = None
        while len(self._seen) > _MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._pages_without_news = 0 if new else self._pages_without_news + 1
        self.token = token or None
        self.is_at_end = self.token is None
        return new
