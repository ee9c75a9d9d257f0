"""The ceiling: aiohttp answers a constant. `python -m bench.serving.constant PORT {"get": 700}`."""

import asyncio
import sys

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from service.cli.running import loop_factory


def application(lengths: dict[str, int]) -> web.Application:
    """Answer a path for each name with JSON of a length in bytes."""
    app = web.Application()
    for name, length in lengths.items():
        app.router.add_get(f"/{name}", _answering(b'"' + bytes([120]) * (length - 2) + b'"'))
    return app


def _answering(body: bytes) -> Handler:
    async def answer(_: web.Request) -> web.Response:
        return web.Response(body=body, content_type="application/json")

    return answer


async def main(port: int, lengths: dict[str, int]) -> None:
    """Serve until the process is ended."""
    runner = web.AppRunner(application(lengths), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main(int(sys.argv[1]), msgspec.json.decode(sys.argv[2], type=dict[str, int])))
