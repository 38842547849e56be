"""Jupyter servers that hold nothing back: what a kernel says is on the page at once.

Tornado's web sockets leave Nagle's algorithm on. So a small message waits until the browser has
acknowledged the one before, which a page that has nothing to say itself does after 40 ms; each
message of a kernel is small and follows a smaller one, that it is busy. Tornado's documentation has
the remedy, `WebSocketHandler.set_nodelay(True)`, and Jupyter Server and Voilà let the class of a
kernel's connection be chosen. The package brings the two files that choose it: `lab.json` makes
this module an extension of Jupyter Server, `voila.json` is read by Voilà.
"""

from jupyter_server.services.kernels.connection.base import BaseKernelWebsocketConnection
from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection

_CHOSEN = "kernel_websocket_connection_class"  # among Jupyter Server's settings


def undelayed(
    connection: type[BaseKernelWebsocketConnection],
) -> type[BaseKernelWebsocketConnection]:
    """The same class of connections between a page and a kernel, but without Nagle's algorithm."""

    class Undelayed(connection):
        def connect(self):
            # The web socket is open by now: before, Tornado has nothing to set it on.
            self.websocket_handler.set_nodelay(True)
            return super().connect()

    return Undelayed


Connection = undelayed(ZMQChannelsWebsocketConnection)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": __name__}]


def _load_jupyter_server_extension(server) -> None:
    settings = server.web_app.settings
    settings[_CHOSEN] = undelayed(settings[_CHOSEN])
