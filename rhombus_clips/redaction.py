"""Removing the API key from text."""

from itertools import takewhile

_SHORTEST_SECRET = 8


def redacted(text: str, secret: str) -> str:
    """Return *text* with ``[redacted]`` in place of *secret*, even if *secret* is truncated.

    Every prefix of at least eight characters is replaced. A *secret* that is shorter is kept,
    because it would match ordinary text; the service's keys have 22 characters.
    """
    if len(secret) < _SHORTEST_SECRET:
        return text
    beginning, ending = secret[:_SHORTEST_SECRET], secret[_SHORTEST_SECRET:]
    before, found, rest = text.partition(beginning)
    kept = [before]
    while found:
        more = sum(
            1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(rest, ending, strict=False))
        )
        before, found, rest = rest[more:].partition(beginning)
        kept.append(before)
    return "[redacted]".join(kept)
