"""A trained model as an HTTP service, `python -m hcr serve`: docs/recognizer.md has its answers.

GET  /          the model: its name and its characters
POST /image     a picture's file of one character; ?best=N asks for N answers, by default 5
POST /strokes   JSON, {"strokes": [[[x, y], ...], ...]}: pen strokes, y down, in any unit

403 is for other hosts and sites: any page in a browser may send requests to this machine.
"""

import argparse
import asyncio
import ipaddress
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from hcr.errors import DataError, HcrError, ParameterError
from hcr.preprocessing.pictures import TooLargeError, read_picture
from hcr.recognizer.recognizer import Recognition, Recognizer, as_json
from hcr.recognizer.sources import PRETRAINED

MOST_BYTES = 10_000_000  # of a picture's file
MOST_PIXELS = 25_000_000
MOST_JSON = 1_000_000  # bytes of strokes
MOST_HELD = 100_000_000  # bytes of all that is sent at one time
MOST_CONNECTIONS = 50  # macOS lets a process open 256 files
IDLE, SENDING = 20, 60  # s that a connection waits for a request, and for its body
ADDRESSES = "There is GET /, POST /image and POST /strokes."


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and "[" not in host else host.lower()


class _Server(HTTPServer):
    """A server with an end to its connections: where files run out, nobody could be answered."""

    connected = 0

    def handle_stream(self, stream: IOStream, address: tuple) -> None:
        if self.connected >= MOST_CONNECTIONS:
            stream.close()
            return
        self.connected += 1
        super().handle_stream(stream, address)

    def on_close(self, server_conn: object) -> None:
        self.connected -= 1
        super().on_close(server_conn)


@stream_request_body
class _Handler(RequestHandler):
    """Answers in JSON, errors too."""

    most = 0  # bytes that are taken

    def initialize(self) -> None:
        self.body, self.sent = bytearray(), 0

    def set_default_headers(self) -> None:
        origin = self.request.headers.get("Origin")
        if origin in self.settings["origins"]:
            self.set_header("Access-Control-Allow-Origin", origin)

    def prepare(self) -> None:
        host, origin = self.request.host, self.request.headers.get("Origin")
        same = origin is None or origin.partition("://")[2].lower() == host.lower()
        known = self.request.host_name in self.settings["hosts"]
        if not (known and (same or origin in self.settings["origins"])):
            rule = "Host must be a name of this machine, and Origin this service"
            remedy = "Begin with --allow-host or --origin for others"
            raise HTTPError(403, f"{rule}. Received: {host!r:.80}, {origin!r:.80}. {remedy}.")

    def data_received(self, chunk: bytes) -> None:
        self.sent += len(chunk)
        if self.sent > self.most:
            self.on_finish()
        elif self.settings["held"] + len(chunk) <= MOST_HELD:
            self.body += chunk
            self.settings["held"] += len(chunk)

    def on_finish(self) -> None:
        self.settings["held"] -= len(self.body)
        self.body = bytearray()

    def on_connection_close(self) -> None:
        self.on_finish()
        super().on_connection_close()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        error = kwargs.get("exc_info", (None, None, None))[1]
        text = getattr(error, "log_message", None) or self._reason
        if isinstance(error, HcrError):
            text = str(error)
            self.set_status(413 if isinstance(error, TooLargeError) else 400)
        self.finish({"error": text})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        if not isinstance(value, HcrError | HTTPError):
            super().log_exception(typ, value, tb)


class _About(_Handler):
    def get(self) -> None:
        name, labels = self.settings["name"], list(self.settings["recognizer"].labels)
        self.write({"model": name, "characters": labels, "ask": ADDRESSES})


class _Nothing(_Handler):
    def prepare(self) -> None:
        super().prepare()
        raise HTTPError(404, ADDRESSES)


class _Asked(_Handler):
    """What is sent is recognized by the method `recognize`."""

    async def post(self) -> None:
        if self.sent > self.most:
            raise TooLargeError(
                f"What is sent may have {self.most:,} bytes. Received: {self.sent:,}. Send less."
            )
        if len(self.body) < self.sent:
            raise HTTPError(503, "Too much is being sent at one time. Send it again.")
        best = self.get_query_argument("best", "5")
        if not (best.isascii() and best.isdigit() and 1 <= float(best) <= 1000):
            raise ParameterError(f"best must be 1 to 1000. Received: {best!r:.80}. Leave it out.")
        thread, recognizer = self.settings["thread"], self.settings["recognizer"]
        only = self.get_query_argument("only", None, strip=False)
        recognizer = recognizer if only is None else recognizer.among(only)
        answer = await IOLoop.current().run_in_executor(thread, self.recognize, recognizer)
        self.write(as_json(answer, int(best)) | {"warnings": answer.warnings})


class _Picture(_Asked):
    most = MOST_BYTES

    def recognize(self, recognizer: Recognizer) -> Recognition:
        return recognizer.recognize(read_picture(bytes(self.body), MOST_PIXELS))


class _Strokes(_Asked):
    most = MOST_JSON

    def recognize(self, recognizer: Recognizer) -> Recognition:
        try:
            strokes = json.loads(bytes(self.body))["strokes"]
        except (LookupError, RecursionError, TypeError, ValueError) as error:
            raise DataError(
                'The body must be JSON, {"strokes": [[[x, y], ...], ...]}. '
                f"Received: {type(error).__name__}: {error!s:.200}. Send such."
            ) from error
        return recognizer.recognize(strokes=strokes)


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit code."""
    about = "Answer over HTTP what character a picture or pen strokes show."
    codes = "Exit codes: 0 ended, 1 no such model, 2 wrong arguments, characters or address."
    command = argparse.ArgumentParser("python -m hcr serve", description=about, epilog=codes)
    add = command.add_argument
    text = "a pretrained model's name, a run's folder, a .tflite or .keras file; default: emnist"
    add("model", nargs="?", default=next(iter(PRETRAINED)), help=text)
    add("--only", metavar="CHARACTERS", help="the possible ones, or digits, letters, capitals")
    add("--port", type=int, default=8000, help="default: 8000; 0: any that is free")
    add("--host", default="127.0.0.1", help="default: 127.0.0.1, which only this machine reaches")
    many = {"action": "append", "default": []}
    add("--allow-host", metavar="NAME", help="another host name that requests may use", **many)
    add("--origin", metavar="URL", help="a site whose pages may send requests", **many)
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(command.parse_args(arguments)))
    return 0


async def _serve(options: argparse.Namespace) -> None:
    """Listen until a signal ends it."""
    recognizer = Recognizer.load(options.model, only=options.only)
    host, port = options.host, options.port
    try:
        if not host.strip() or not 0 <= port <= 65535:  # else any address, or any port
            raise OSError("no such address; 0.0.0.0 is every one")
        sockets = bind_sockets(port, host)
    except (OSError, UnicodeError) as error:
        raise ParameterError(
            "host and port must be an address of this machine that nothing else listens on. "
            f"Received: {host}:{port} ({error}). Choose another --port."
        ) from error
    numbers = [socket.getsockname()[0] for socket in sockets]
    if not all(ipaddress.ip_address(number).is_loopback for number in numbers):
        note = "Other machines can send requests, without a password; see --allow-host."
        print(note, file=sys.stderr, flush=True)
    hosts = ("localhost", "127.0.0.1", "::1", host, *numbers, *options.allow_host)
    application = Application(
        [("/", _About), ("/image", _Picture), ("/strokes", _Strokes)],
        default_handler_class=_Nothing,
        log_function=lambda handler: None,  # what others send wrongly would fill the disk
        recognizer=recognizer,
        name=options.model,
        # One thread: an interpreter of LiteRT answers one at a time, and the loop goes on.
        thread=ThreadPoolExecutor(max_workers=1),
        hosts={_bracketed(name) for name in hosts},
        origins=set(options.origin),
        held=0,
    )
    # What is larger by far is not even read.
    limits = {"max_body_size": 4 * MOST_BYTES, "idle_connection_timeout": IDLE}
    server = _Server(application, body_timeout=SENDING, **limits)
    server.add_sockets(sockets)
    done = asyncio.Event()
    for kind in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: there Ctrl-C ends the loop itself
            asyncio.get_running_loop().add_signal_handler(kind, done.set)
    address = f"http://{_bracketed(host)}:{sockets[0].getsockname()[1]}/"
    print(f"{options.model} answers at {address} (Ctrl-C ends it)", flush=True)
    await done.wait()
    server.stop()
