"""A process that is killed during a download leaves no wrong file, and the next one continues."""

import asyncio
import random
import signal
import sys

from rhombus_clips.testing import FakeRhombus, faults

UUID = "clip-_AAAAAAAAAAAAAAAA"
DATA = random.Random(3).randbytes(4_000_000)
WIRE = {"uuid": UUID, "status": "COMPLETE", "clipLocation": {"region": "us-west-2"}}
PROGRAM = """
import asyncio, sys
from rhombus_clips import ClipSession

async def main(api_key, base_url, media_url, uuid, path):
    async with ClipSession(api_key, base_url=base_url, media_url=media_url) as session:
        clip = await session.get_clip_with_progress(uuid)
        await session.download_clip(clip, path, progress=lambda there, _: print(there, flush=True))

asyncio.run(main(*sys.argv[1:]))
"""


async def test_killed_process_loses_no_written_bytes(tmp_path) -> None:
    path, part = tmp_path / "clip.mp4", tmp_path / "clip.mp4.part"
    chance = random.Random(5)
    async with FakeRhombus([WIRE], shared_clip_groups=0) as fake:
        fake.put_media(UUID, DATA)
        # Each process receives some bytes and then stalls.
        for _ in range(4):
            after = chance.randrange(200_000, 900_000)
            fake.media_faults = [faults.Stall(after_body_bytes=after, seconds=30)]
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", PROGRAM),
                *(fake.api_key, fake.url, fake.media_url, UUID, str(path)),
                stdout=asyncio.subprocess.PIPE,
            )
            assert process.stdout is not None
            await process.stdout.readline()
            await asyncio.sleep(chance.uniform(0, 0.1))
            process.send_signal(signal.SIGKILL)
            await process.communicate()
            assert not path.exists()
            assert DATA.startswith(part.read_bytes())
        fake.media_faults = []
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", PROGRAM),
            *(fake.api_key, fake.url, fake.media_url, UUID, str(path)),
            stdout=asyncio.subprocess.DEVNULL,
        )
        assert await process.wait() == 0
        assert path.read_bytes() == DATA
        assert [entry.name for entry in tmp_path.iterdir()] == [path.name]
        sent = [
            int((request.header("Range") or "0=0-").split("=")[1][:-1])
            for request in fake.media_requests
        ]
        assert sent == sorted(sent)
        assert sent[-1] > 0
