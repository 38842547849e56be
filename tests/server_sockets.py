"""Print what a Jupyter server with a kernel has for TCP_NODELAY on its page's web socket.

Run in a process of its own, since a server of Jupyter's keeps much that is global. Arguments go to
the server.
"""

import asyncio
import socket
import sys

from jupyter_server.serverapp import ServerApp
from tornado.httpclient import HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.testing import bind_unused_port
from tornado.websocket import websocket_connect


async def main() -> None:
    app = ServerApp(token="secret", open_browser=False, allow_root=True)
    app.initialize(sys.argv[1:], new_httpserver=False)
    held, port = bind_unused_port()
    server = HTTPServer(app.web_app)
    server.add_socket(held)
    kernel = await app.kernel_manager.start_kernel()
    address = f"ws://127.0.0.1:{port}/api/kernels/{kernel}/channels"
    page = await websocket_connect(HTTPRequest(address, headers={"Authorization": "token secret"}))
    # What the kernel says first: it is there, and so is the connection.
    await asyncio.wait_for(page.read_message(), 60)
    (connection,) = app.kernel_websocket_connection_class._open_sockets
    stream = connection.websocket_handler.ws_connection.stream
    print("TCP_NODELAY", stream.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
    page.close()
    await app.kernel_manager.shutdown_all()
    server.stop()


asyncio.run(main())
