"""The options of the server's connections."""

import asyncio
import socket
import sys

import pytest
import uvicorn


@pytest.mark.skipif(sys.platform == "win32", reason="uvloop is not for Windows")
def test_answers_of_several_processes_are_sent_at_once():
    """With `--workers` uvicorn binds the socket without naming its protocol; asyncio's own loop then leaves Nagle's
    algorithm on, and every second answer of a connection waits 40 ms for an acknowledgement, a known fault of
    uvicorn. uvloop does not look at the protocol."""
    config = uvicorn.Config("untilclick.app.http.main:app_from_environment", factory=True, port=0, log_config=None)
    make_loop = config.get_loop_factory()
    assert make_loop is not None

    async def no_delay() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        class Connection(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                opened = transport.get_extra_info("socket")
                accepted.set_result(opened.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))

        with config.bind_socket() as listening:
            server = await asyncio.get_running_loop().create_server(Connection, sock=listening)
            _, writer = await asyncio.open_connection(*listening.getsockname())
            option = await accepted
            writer.close()
            server.close()
        return option

    with asyncio.Runner(loop_factory=make_loop) as runner:
        assert runner.run(no_delay()) == 1
