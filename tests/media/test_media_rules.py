"""The rules of range requests and redirects, without an event loop or a host."""

import pytest
from multidict import CIMultiDict

from rhombus_clips import ConnectError, DownloadError, IntegrityError, MediaTimeout
from rhombus_clips.errors import InvalidArgumentError
from rhombus_clips.media.head import Head
from rhombus_clips.media.media_file import MediaFile
from rhombus_clips.media.ranges import FetchState, RestartError
from rhombus_clips.media.redirects import redirect_target

FILE = MediaFile(path="/x.mp4", byte_count=100, sha256_hex="f" * 64)
UNKNOWN = MediaFile(path="/x.mp4")


def head(status: int = 206, **headers: str) -> Head:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Head(status=status, headers=CIMultiDict(named))


def part(first: int = 40, total: int | str = 100, **headers: str) -> Head:
    return head(206, Content_Range=f"bytes {first}-99/{total}", **headers)


@pytest.mark.parametrize(
    ("file", "etag", "expected"),
    [
        (FILE, None, {"Range": "bytes=40-"}),
        (FILE, '"a"', {"Range": "bytes=40-", "If-Range": '"a"'}),
        (UNKNOWN, '"a"', {"Range": "bytes=40-", "If-Range": '"a"'}),
        (UNKNOWN, None, {}),
    ],
)
def test_part_is_requested_only_if_the_whole_can_be_trusted(file, etag, expected) -> None:
    headers = FetchState(file, 40, etag).headers()
    assert {name: headers[name] for name in headers if "Range" in name} == expected
    assert headers["Accept-Encoding"] == "identity"
    assert "Range" not in FetchState(file, 0, etag).headers()


@pytest.mark.parametrize(
    "answer",
    [
        part(39),
        part(41),
        part(40, ETag='"b"'),
        part(40),  # Only the entity tag would prove that it is of the same file.
        part(40, total=101, ETag='"a"'),
        head(206, Content_Range="bytes 40-99", ETag='"a"'),
        head(206, Content_Range="chunks 40-99/100", ETag='"a"'),
        head(206, ETag='"a"'),
        head(206, Content_Type="multipart/byteranges; boundary=x", ETag='"a"'),
    ],
)
def test_part_that_does_not_continue_the_bytes_received_is_rejected(answer: Head) -> None:
    state = FetchState(UNKNOWN, 40, '"a"', total=100)
    with pytest.raises(RestartError):
        state.accept(answer)
    assert state.offset == 0
    assert "Range" not in state.headers()
    state.offset, state.etag = 40, '"a"'
    assert "Range" not in state.headers(), "ranges of this host are no longer trusted"


def test_part_without_an_entity_tag_is_accepted_if_the_hash_is_known() -> None:
    state = FetchState(FILE, 40, '"a"', total=100)
    state.accept(part(40))
    assert (state.offset, state.etag, state.was_resumed) == (40, '"a"', True)
    with pytest.raises(RestartError):
        state.accept(part(40, ETag='"b"'))


@pytest.mark.parametrize("length", ["+5", "５", "", "5, 5", "9" * 400, "0x5", "-1", "1_0"])
def test_invalid_length_is_ignored(length: str) -> None:
    assert head(200, Content_Length=length).length is None


@pytest.mark.parametrize("is_verified", [True, False])
def test_empty_file_is_rejected_unless_unverified(*, is_verified: bool) -> None:
    state = FetchState(MediaFile(path="/x.mp4", is_verified=is_verified))
    state.accept(head(200, Content_Length="0"))
    if is_verified:
        with pytest.raises(IntegrityError, match="empty"):
            state.verify(0, "")
    else:
        state.verify(0, "")


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, gzip", "aws-chunked"])
def test_unsupported_coding_is_rejected_without_length_or_hash(coding: str) -> None:
    answer = head(200, Content_Encoding=coding, Content_Length="99")
    with pytest.raises(DownloadError, match="coding"):
        FetchState(UNKNOWN).accept(answer)
    FetchState(FILE).accept(answer)
    FetchState(UNKNOWN).accept(head(200, Content_Encoding="GZip"))
    FetchState(UNKNOWN).accept(head(200, Content_Encoding=" Identity "))


@pytest.mark.parametrize(
    "kind",
    [
        "text/html; charset=utf-8",
        "Application/JSON",
        "application/problem+json",
        "application/xhtml+xml",
        "TEXT/XML ;x=y",
    ],
)
def test_page_is_rejected_without_length_or_hash(kind: str) -> None:
    with pytest.raises(DownloadError, match="instead of a clip file"):
        FetchState(UNKNOWN).accept(head(200, Content_Type=kind, Content_Length="9"))


@pytest.mark.parametrize("total", [100, "*"])
def test_continuing_part_is_accepted(total: int | str) -> None:
    state = FetchState(FILE, 40, '"a"')
    state.accept(part(40, total, ETag='"a"', Content_Length="60"))
    assert (state.offset, state.was_resumed) == (40, True)
    assert state.total == (100 if total == 100 else None)


def test_whole_response_to_a_range_restarts_with_its_entity_tag() -> None:
    state = FetchState(FILE, 40, '"a"')
    state.accept(head(200, ETag='"b"', Content_Length="100"))
    assert (state.offset, state.etag, state.total) == (0, '"b"', 100)


@pytest.mark.parametrize("etag", ['W/"a"', "a", "", '"a\r\nb"', '"'])
def test_weak_entity_tag_is_ignored(etag: str) -> None:
    assert head(200, ETag=etag).etag is None


@pytest.mark.parametrize(
    "answer",
    [
        part(1),
        head(206),
        head(206, Content_Range="items 0-99/100"),
        head(206, Content_Range="bytes 0-99"),
        head(206, Content_Range="bytes 0-99/99"),
        head(206, Content_Range="bytes 5-4/100"),
        head(206, Content_Range="bytes */100"),
        head(206, Content_Range=f"bytes 0-{'9' * 400}/*"),
        head(206, Content_Range="bytes 0-９９/１００"),
        part(0, Content_Length="99"),
        part(0, Content_Encoding="gzip"),
        part(0, Content_Type="Multipart/ByteRanges; boundary=x"),
        head(200, Content_Range="bytes 40-99/100", Content_Length="60"),
        head(200, Content_Range="bytes 0-59/100", Content_Length="60"),
        head(200, Content_Range="bytes */100", Content_Length="100"),
        head(200, Content_Type="multipart/byteranges", Content_Length="100"),
    ],
)
def test_part_that_was_not_requested_is_an_error(answer: Head) -> None:
    """The same holds for a whole file whose status or header declares a part."""
    with pytest.raises(DownloadError, match="not requested"):
        FetchState(FILE).accept(answer)
    state = FetchState(FILE, 40, '"a"')
    if answer.headers.get("Content-Range") != "bytes 40-99/100":
        with pytest.raises(RestartError):
            state.accept(answer)
        assert "Range" not in state.headers()


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize("file", [FILE, UNKNOWN])
def test_part_with_the_whole_file_is_accepted(file: MediaFile, status: int) -> None:
    state = FetchState(file)
    state.accept(head(status, Content_Range="bytes 0-99/100", Content_Length="100"))
    assert (state.total, state.was_resumed) == (100, False)
    state.add(100)
    assert not state.is_truncated
    assert not state.has_more_parts


@pytest.mark.parametrize(("whole", "ends"), [("100", False), ("60", True), ("*", False)])
def test_part_that_ends_before_the_file_is_followed_by_another(whole: str, *, ends: bool) -> None:
    """The same holds for a part of a file of unknown length: it may not be the last."""
    state = FetchState(UNKNOWN, 40, '"a"')
    state.accept(head(206, Content_Range=f"bytes 40-59/{whole}", ETag='"a"'))
    state.add(19)
    assert state.is_truncated
    state.add(1)
    assert not state.is_truncated
    assert state.has_more_parts is not ends


def test_first_part_is_rejected_if_no_other_could_follow() -> None:
    with pytest.raises(DownloadError):
        FetchState(UNKNOWN).accept(head(206, Content_Range="bytes 0-59/100"))
    FetchState(UNKNOWN).accept(head(206, Content_Range="bytes 0-59/100", ETag='"a"'))


def test_more_bytes_than_a_part_announced_are_rejected() -> None:
    state = FetchState(UNKNOWN, 40, '"a"', total=100)
    state.accept(part(40, ETag='"a"'))
    state.add(60)
    with pytest.raises(RestartError):
        state.add(1)
    assert "Range" not in state.headers()
    state = FetchState(UNKNOWN)
    state.accept(part(0, ETag='"a"'))
    with pytest.raises(DownloadError):
        state.add(101)


@pytest.mark.parametrize(
    ("range_", "is_end"),
    [("bytes */40", True), ("bytes */39", False), ("bytes */*", False), ("", False)],
)
def test_status_416_is_the_end_only_if_nothing_is_missing(range_: str, is_end: bool) -> None:
    state = FetchState(UNKNOWN, 40, '"a"')
    assert state.confirms_end(head(416, Content_Range=range_)) is is_end
    assert state.offset == (40 if is_end else 0)


def test_wrong_announced_length_is_an_error_at_once() -> None:
    with pytest.raises(IntegrityError, match="99 bytes"):
        FetchState(FILE).accept(head(200, Content_Length="99"))
    # The length of a compressed body is not that of the file.
    FetchState(FILE).accept(head(200, Content_Length="99", Content_Encoding="gzip"))


def test_compressed_response_is_not_resumed() -> None:
    """A range would count compressed bytes, not the ones received."""
    state = FetchState(FILE)
    state.accept(head(200, ETag='"a"', Content_Encoding="gzip"))
    state.offset = 40
    assert not state.can_resume
    assert "Range" not in state.headers()


@pytest.mark.parametrize(
    ("state", "is_truncated"),
    [
        (FetchState(FILE, 99), True),
        (FetchState(FILE, 99, marks_its_end=True), False),
        (FetchState(FILE, 100), False),
        (FetchState(UNKNOWN, 99, total=100, marks_its_end=True), True),
        (FetchState(UNKNOWN, 99), False),
    ],
)
def test_truncated_response_is_detected(state: FetchState, is_truncated: bool) -> None:
    assert state.is_truncated is is_truncated


def test_status_416_for_another_object_is_not_the_end() -> None:
    state = FetchState(UNKNOWN, 40, '"a"', total=80)
    assert not state.confirms_end(head(416, Content_Range="bytes */40"))
    state = FetchState(UNKNOWN, 40, '"a"')
    assert not state.confirms_end(head(416, Content_Range="bytes */40", ETag='"b"'))


def test_empty_response_does_not_complete_a_part() -> None:
    state = FetchState(UNKNOWN, 40, '"a"')
    state.accept(head(200, Content_Length="0", ETag='"b"'))
    with pytest.raises(IntegrityError):
        state.verify(40, "")


@pytest.mark.parametrize(
    ("headers", "marks"),
    [
        ({"Content_Length": "5"}, True),
        ({"Transfer_Encoding": "chunked"}, True),
        ({"Transfer_Encoding": "gzip, Chunked"}, True),
        ({"Transfer_Encoding": "identity"}, False),
        ({}, False),
    ],
)
def test_end_is_marked_by_a_length_or_chunks(headers: dict[str, str], *, marks: bool) -> None:
    assert head(200, **headers).marks_its_end is marks


@pytest.mark.parametrize(
    ("url", "location", "is_followed"),
    [
        ("https://media.example/x", "https://storage.example/y", True),
        ("https://media.example/x", "/y", True),
        ("https://media.example/x", "http://127.0.0.1/y", False),
        ("https://media.example/x", "http://localhost:8080/y", False),
        ("http://127.0.0.1:1/x", "http://127.0.0.1:2/y", True),
        ("http://127.0.0.1:1/x", "http://192.168.0.1/y", False),
    ],
)
def test_redirect_is_followed_to_https_or_within_the_loopback(
    url: str, location: str, *, is_followed: bool
) -> None:
    answer = head(302, Location=location)
    if is_followed:
        assert redirect_target(url, answer)
    else:
        with pytest.raises(DownloadError):
            redirect_target(url, answer)


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("https://[::1]:8443/a?b=%7E#c", "https://[::1]:8443/a?b=%7E"),
        ("HTTPS://Storage.Example:443/%2F", "https://Storage.Example:443/%2F"),
        ("//storage.example:8443?", "https://storage.example:8443?"),
        ("https://storage.example./a/./b", "https://storage.example./a/./b"),
        ("https://under_score.xn--strae-oqa/", "https://under_score.xn--strae-oqa/"),
        ("#only", "https://media.example/x/y.mp4?z"),
        ("", "https://media.example/x/y.mp4?z"),
        ("?", "https://media.example/x/y.mp4?"),
        ("a:b", None),
        (".", "https://media.example/x/"),
        ("https:a", None),
        ("https://a@b", None),
        ("https://\\", None),
    ],
)
def test_location_is_resolved_and_otherwise_unchanged(location: str, target) -> None:
    answer = head(302, Location=location)
    if target is None:
        with pytest.raises((DownloadError, ConnectError)):
            redirect_target("https://media.example/x/y.mp4?z", answer)
    else:
        assert redirect_target("https://media.example/x/y.mp4?z", answer) == target


@pytest.mark.parametrize("status", [200, 300, 304, 305, 306, 404])
def test_location_without_a_redirect_status_is_ignored(status: int) -> None:
    assert redirect_target("https://media.example/", head(status, Location="ftp://x")) is None
    assert redirect_target("https://media.example/", head(302)) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("connect", 0), ("stall", -1), ("stall", float("inf")), ("min_bytes_per_second", -1)],
)
def test_limits_are_checked(name: str, value: float) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        MediaTimeout(**{name: value})
    assert MediaTimeout(min_bytes_per_second=0).min_bytes_per_second == 0
