"""Following opaque page tokens: the token alone decides whether another page follows."""

from collections import Counter
from collections.abc import Sequence

from attrs import define, evolve, field, frozen

from rhombus_clips.errors import CursorCycleError, PagingError
from rhombus_clips.paging.rules.cursor_text import (
    Listed,
    PayloadReader,
    PayloadWriter,
    digest_of,
    read_cursor,
    read_payload,
    write_cursor,
)
from rhombus_clips.paging.rules.cycles import CycleCheck

LARGEST_TOKEN_PAGE = 200
"""The documented maximum page size of listings with page tokens."""

MOST_PAGES_WITHOUT_NEWS = 100

_MOST_REMEMBERED = 10_000
"""The number of recent items that are compared with new ones; it bounds the memory."""

_MOST_CARRIED = 20
"""The number of items of earlier pages that a cursor carries, to recognize them on later pages."""


@frozen(kw_only=True)
class TokenPosition:
    """The token of the page that was being yielded, and the items that were already yielded."""

    token: str | None = None
    """The token of the next page; None for the first page."""
    recent: tuple[int, ...] = ()
    """The digests of the last items of earlier pages, which may move to later pages."""
    handed_out: Counter[int] = field(factory=Counter[int])
    """The digests of the items of the next page that were already yielded."""
    cycle: CycleCheck = CycleCheck()

    def to_cursor(self, listed: Listed) -> str:
        """Return the portable cursor. Raises `CursorStalledError` if it would be too long."""
        return write_cursor(listed, self.payload)

    @classmethod
    def from_cursor(cls, listed: Listed, text: object) -> "TokenPosition":
        """Return the position of a cursor. Raises `InvalidArgumentError` for any other text."""
        return read_payload(read_cursor(listed, text), cls._read)

    @property
    def payload(self) -> bytes:
        """The position in the form that a cursor contains."""
        writer = PayloadWriter()
        writer.number((self.token is not None) + 2 * (self.cycle != CycleCheck()))
        if self.token is not None:
            writer.text(self.token)
        if self.cycle != CycleCheck():
            writer.numbers(*self.cycle.state)
        writer.number(len(self.recent))
        for digest in self.recent:
            writer.digest(digest)
        writer.digests(self.handed_out)
        return bytes(writer.content)

    @classmethod
    def _read(cls, reader: PayloadReader) -> "TokenPosition":
        flags = reader.number()
        token = reader.text() if flags & 1 else None
        cycle = CycleCheck.of(reader.numbers(3)) if flags & 2 else CycleCheck()
        recent = tuple(reader.digest() for _ in range(reader.number()))
        handed_out = reader.digests()
        if token == "":
            raise ValueError("the payload is not of a position")
        return cls(token=token, recent=recent, handed_out=handed_out, cycle=cycle)


@frozen
class TakenTokenPage:
    """A page that was taken, and the positions before, within and after it."""

    digests: Sequence[int]
    new_indexes: Sequence[int]
    """The indexes of the items that no earlier page had."""
    before: TokenPosition
    after: TokenPosition | None
    """The position after the page; None at the end of the listing."""

    def position(self, handed_out: int) -> TokenPosition | None:
        """Return the position after the first *handed_out* of the new items; None at the end."""
        if handed_out >= len(self.new_indexes):
            return self.after
        given = Counter(self.digests[index] for index in self.new_indexes[:handed_out])
        return evolve(self.before, handed_out=self.before.handed_out + given)


@define(eq=False)
class TokenWalk:
    """A walk from page to page, by the token that each page returns for the next.

    Only the token ends a listing: a page without one, or with an empty one, is the last, and an
    empty page with a token is not. A request with an empty token would start from the beginning.
    """

    position: TokenPosition
    """The position after the pages that were taken."""
    is_at_end: bool = False
    _seen: dict[int, None] = field(init=False)
    _is_in_cycle: bool = False
    _pages_without_news: int = 0

    def __attrs_post_init__(self) -> None:
        position = self.position
        self._seen = dict.fromkeys((*position.recent, *position.handed_out))

    def check(self) -> None:
        """Raise `CursorCycleError` if the page for the position was already listed.

        Raise `PagingError` after a hundred consecutive pages without new items. The next
        call allows another hundred.
        """
        if self._is_in_cycle:
            raise CursorCycleError(
                "the service returned a page token for a second time; its pages would only repeat"
            )
        if self._pages_without_news >= MOST_PAGES_WITHOUT_NEWS:
            self._pages_without_news = 0
            raise PagingError(
                f"{MOST_PAGES_WITHOUT_NEWS} consecutive pages contained no new items; iterate"
                " again to continue from there"
            )

    def take(
        self, uuids: Sequence[str | None], identities: Sequence[str | bytes], token: str | None
    ) -> TakenTokenPage:
        """Record the page for the position, and the *token* that it returned for the next page.

        *identities* has the uuid of each item, or its value if it has none. When the listing grows,
        items of an earlier page move to this one. They are recognized unless more than 10,000 items
        were listed in between, or 20 if another pager resumed in between. An item without a uuid
        counts as new, unless it was handed out from this page.
        """
        before = self.position
        digests = list(map(digest_of, identities))
        left = before.handed_out.copy()
        new: list[int] = []
        for index, (digest, uuid) in enumerate(zip(digests, uuids, strict=True)):
            if left[digest] > 0:
                left[digest] -= 1
            elif uuid is None or digest not in self._seen:
                new.append(index)
            if uuid is not None:
                self._seen.pop(digest, None)  # It is the most recent now.
                self._seen[digest] = None
        while len(self._seen) > _MOST_REMEMBERED:
            del self._seen[next(iter(self._seen))]
        self._pages_without_news = 0 if new else self._pages_without_news + 1
        self.is_at_end = not token
        after = self._after(token, before, +left)
        self.position = after or before
        return TakenTokenPage(digests, new, before, after)

    def _after(
        self, token: str | None, before: TokenPosition, left: Counter[int]
    ) -> TokenPosition | None:
        """Return the position after a page that lacks *left* of the items handed out from it."""
        if not token:
            return None
        step, cycle = digest_of(token), before.cycle
        self._is_in_cycle = token == before.token or cycle.has_returned_to(step)
        if not self._is_in_cycle:
            cycle = cycle.moved_to(step)
        if left.total() > LARGEST_TOKEN_PAGE:  # Most of them must have been deleted.
            left.clear()
        recent = tuple(self._seen)[-_MOST_CARRIED:]
        return TokenPosition(token=token, recent=recent, handed_out=left, cycle=cycle)
