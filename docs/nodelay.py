"""A JupyterLab that holds no message of a kernel back, for a pad over a network.

    uv run jupyter lab --config=docs/nodelay.py

Tornado's web sockets leave Nagle's algorithm on: a small message waits until the browser has
acknowledged the one before, up to 40 ms. Tornado's documentation has `set_nodelay` against it.
"""

from jupyter_server.services.kernels.connection.channels import ZMQChannelsWebsocketConnection


class Undelayed(ZMQChannelsWebsocketConnection):
    """The connection between a page and a kernel, without Nagle's algorithm."""

    def connect(self):
        """Connect; the web socket is open by now, before there is nothing to set it on."""
        self.websocket_handler.set_nodelay(True)
        return super().connect()


c = get_config()  # noqa: F821
c.ServerApp.kernel_websocket_connection_class = Undelayed
