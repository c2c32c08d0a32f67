"""Dates in headers, and the service's clock, which is derived from them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rhombus_clips.calls.http_dates import ServiceClock, parse_http_date
from rhombus_clips.testing import FakeRhombus, faults

DATE = datetime(2026, 10, 21, 7, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "date"),
    [
        ("Wed, 21 Oct 2026 07:28:00 GMT", DATE),
        ("Wednesday, 21-Oct-26 07:28:00 GMT", DATE),
        ("Wed Oct 21 07:28:00 2026", DATE),
        ("Wed, 21 Oct 2026 09:28:00 +0200", DATE),
        ("Wed, 21 Oct 2026 00:28:00 -0700", DATE),
        ("Wed, 21 Oct 2026 07:28:00 -0000", DATE),
        (None, None),
        ("", None),
        ("Wed", None),
        (",,,", None),
        ("a,b c d e", None),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
        ("Wed, 21 Oct 10000 07:28:00 GMT", None),
        ("Wed, 99 Oct 2026 07:28:00 GMT", None),
        ("Wed, 21 Oct 2026 07:28:99 GMT", None),
        ("Wed, 21 Oct 2026 07:28:00 +99999999999", None),
        ("Wed, 21 Oct 2026 07:28:00 -9999", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
        ("Wed, ٢١ Oct 2026 07:28:00 GMT", None),
        ("Wed, 21 Oct 2026 07:28:00 \udcff", None),
        ("Wed, " + "2" * 10_000, None),
    ],
)
def test_http_date_is_parsed_or_none(header: str | None, date: datetime | None) -> None:
    assert parse_http_date(header) == date


@given(
    st.text(max_size=40)
    | st.builds(
        "{}, {} {} {} {}:{}:{} {}".format,
        st.sampled_from(["Wed", "", "Wednesday"]),
        st.integers(-1, 10**12),
        st.sampled_from(["Oct", "Foo", "10"]),
        st.integers(-1, 10**12),
        st.integers(-1, 10**12),
        st.integers(-1, 99),
        st.integers(-1, 99),
        st.sampled_from(["GMT", "-0000", "+9999", "-99999999999999", "", "EST"]),
    )
)
def test_parser_of_dates_never_raises(header: str) -> None:
    date = parse_http_date(header)
    assert date is None or date.tzinfo is UTC


def test_service_clock_continues_from_the_most_recent_date() -> None:
    clock = ServiceClock()
    assert clock.epoch_ms(5.0) is None
    clock.note("nonsense", 5.0)
    clock.note(None, 5.0)
    assert clock.epoch_ms(5.0) is None
    clock.note("Thu, 01 Jan 1970 00:01:00 GMT", 10.0)
    assert clock.epoch_ms(12.5) == 62_500
    clock.note("Thu, 01 Jan 1970 00:01:00 GMT", 12.0)
    assert clock.epoch_ms(12.5) == 60_500
    clock.note("nonsense", 20.0)
    assert clock.epoch_ms(22.0) == 70_000
    clock.note("Thu, 01 Jan 1970 00:02:00 GMT", 30.0)
    assert clock.epoch_ms(30.0) == 120_000


async def test_session_knows_the_time_of_the_service(connect) -> None:
    now = 1_800_000_000.0
    async with FakeRhombus(1, now=lambda: now) as fake, connect(fake) as session:
        assert session._call.service_time_ms() is None
        await session.get_saved_clips()
        first = session._call.service_time_ms()
        assert first is not None
        assert first >= 1_800_000_000_000
        fake.clock_skew = 3600
        fake.faults = [faults.UNAVAILABLE]
        await session.get_saved_clips()
        later = session._call.service_time_ms()
        assert later is not None
        assert later >= 1_800_003_600_000
        fake.faults = [faults.Respond(200, b"{}", headers={"Date": "today"})]
        await session.get_saved_clips()
        assert session._call.service_time_ms() >= later
