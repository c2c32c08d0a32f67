"""Calls import no modules on the event loop: the package imports all of them in advance."""

import asyncio
import sys

from rhombus_clips.testing import FakeRhombus, faults

PROGRAM = """
import asyncio
import sys

from rhombus_clips import ClipSession, RetryPolicy, RhombusError, Timeout

URL, KEY = sys.argv[1:]
QUICK = RetryPolicy(attempts=3, base=0.001, cap=0.002)


async def main() -> None:
    async with ClipSession(KEY, base_url=URL, retry=QUICK, timeout=Timeout(read=0.2)) as session:
        await session.get_saved_clips()
        before = set(sys.modules)
        failures = 0
        for _ in range(int(FAULTS)):
            try:
                await session.get_saved_clips()
            except RhombusError as error:
                failures += 1
                str(error)
    for url in ("http://127.0.0.1:1", "http://localhost:1"):
        async with ClipSession(KEY, base_url=url, retry=QUICK) as session:
            try:
                await session.get_saved_clips()
            except RhombusError:
                failures += 1
    print(failures, sorted(set(sys.modules) - before))


asyncio.run(main())
"""

FAULTS = [
    faults.UNAVAILABLE,
    faults.Respond(429, headers={"Retry-After": "0"}),
    faults.Respond(429, headers={"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}),
    faults.Respond(503, times=3),
    faults.Disconnect(),
    faults.Reset(after_bytes=30),
    faults.Silence(5),
    faults.GZIP_GARBAGE,
    faults.INTERNAL_ERROR,
    faults.HTML_INSTEAD,
    faults.REFUSED,
    faults.BAD_STRUCTURE,
    faults.UNAUTHENTICATED,
    faults.Respond(302, headers={"Location": "https://elsewhere.example"}),
    faults.Respond(200, b'{"savedClips": 5}'),
]


async def test_failing_call_imports_nothing_on_the_loop() -> None:
    """The imports are recorded in a separate process, after one successful call."""
    async with FakeRhombus(3) as fake:
        fake.faults = [faults.Ok(), *FAULTS]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM.replace("FAULTS", str(len(FAULTS))),
            fake.url,
            fake.api_key,
            stdout=asyncio.subprocess.PIPE,
        )
        output, _ = await process.communicate()
        assert process.returncode == 0
        assert fake.faults == []
    failures, imported = output.decode().strip().split(" ", 1)
    assert int(failures) >= 8  # Those without a retry, and two hosts without a service.
    assert imported == "[]"
