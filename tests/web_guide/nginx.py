"""nginx as a proxy, with a short limit for silent responses. It needs no privileges."""

import asyncio
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.components import required_program

# A single process keeps the user that starts it; a Unix socket needs no free port.
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log stderr notice;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen unix:{folder}/nginx.socket;
        location / {{
            proxy_pass {url};
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_read_timeout 5s;
        }}
    }}
}}
"""


@asynccontextmanager
async def nginx_before(url: str) -> AsyncGenerator[aiohttp.ClientSession, None]:
    """Start nginx as a proxy of the server at *url*, and yield a client of nginx."""
    program = required_program("nginx", "/usr/sbin/nginx")
    # The path of a socket has at most 100 characters.
    with tempfile.TemporaryDirectory(prefix="nginx-") as folder:
        configuration = Path(folder) / "nginx.conf"
        configuration.write_text(CONFIGURATION.format(folder=folder, url=url), encoding="utf-8")
        process = await asyncio.create_subprocess_exec(
            *(program, "-e", "stderr", "-p", folder, "-c", str(configuration)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert process.stderr is not None
        try:
            # nginx reports the event method once it listens.
            while b"event method" not in (line := await process.stderr.readline()):
                assert line, "nginx ended"
            connector = aiohttp.UnixConnector(f"{folder}/nginx.socket")
            async with aiohttp.ClientSession("http://nginx", connector=connector) as http:
                yield http
        finally:
            if process.returncode is None:
                process.terminate()
            await process.communicate()
