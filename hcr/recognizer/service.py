"""A trained model as an HTTP service: `python -m hcr serve`.

    GET  /          the model: its name, its characters, and those that it confuses
    POST /image     a picture's file of one character; ?best=N asks for N answers, by default 5
    POST /strokes   JSON, {"strokes": [[[x, y], ...], ...]}: pen strokes, y down, in any unit

Both answer as JSON with `answers`, the likeliest first, and `alternatives`, the characters that it
may be. Errors are `{"error": ...}`: 400 for no picture or no strokes, 413 for what is too large.

Any page that a browser shows may send requests to this machine, under any name. So 403 is answered
where `Host` is neither this machine's nor allowed, or where another site is the `Origin`.
"""

import argparse
import asyncio
import ipaddress
import json
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from hcr.errors import DataError, HcrError, ParameterError
from hcr.preprocessing import TooLargeError, read_picture
from hcr.recognizer.recognizer import Recognition, Recognizer
from hcr.recognizer.sources import PRETRAINED

MOST_BYTES = 10_000_000  # of a picture's file
MOST_PIXELS = 25_000_000
MOST_JSON = 1_000_000  # bytes of strokes
MOST_POINTS = 20_000
MOST_DIGITS = 40  # of a number
MOST_HELD = 100_000_000  # bytes of all that is sent at one time
MOST_CONNECTIONS = 200  # below the 256 files that macOS lets a process open
IDLE, SENDING = 20, 60  # s that a connection waits for a request, and for its body
BEST, MOST_BEST = 5, 1000
ADDRESSES = "There is GET /, POST /image and POST /strokes."


def _serve(name: str, options: argparse.Namespace) -> tuple[HTTPServer, str]:
    """Begin to listen with the model `name`; the server and its address."""
    recognizer, host, port = Recognizer.load(name), options.host, options.port
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
        note = "Others than this machine can ask, without a password, as --allow-host says."
        print(note, file=sys.stderr, flush=True)
    hosts = ("localhost", "127.0.0.1", "::1", host, *numbers, *options.allow_host)
    application = Application(
        [("/", _About), ("/image", _Picture), ("/strokes", _Strokes)],
        default_handler_class=_Nothing,
        log_function=lambda handler: None,  # what others send wrongly would fill the disk
        recognizer=recognizer,
        name=name,
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
    return server, f"http://{_bracketed(host)}:{sockets[0].getsockname()[1]}/"


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
            self._forget()
        elif self.settings["held"] + len(chunk) <= MOST_HELD:
            self.body += chunk
            self.settings["held"] += len(chunk)

    def on_finish(self) -> None:
        self._forget()

    def on_connection_close(self) -> None:
        self._forget()
        super().on_connection_close()

    def _forget(self) -> None:
        self.settings["held"] -= len(self.body)
        self.body = bytearray()

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
    """`/`."""

    def get(self) -> None:
        recognizer = self.settings["recognizer"]
        self.write(
            {
                "model": self.settings["name"],
                "characters": list(recognizer.labels),
                "confuses": ["".join(group) for group in recognizer.groups],
                "ask": ADDRESSES,
            }
        )


class _Nothing(_Handler):
    """Every other address."""

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
            raise HTTPError(503, "Too much is sent at one time. Send it again later.")
        best = self.get_query_argument("best", str(BEST))
        if not (best.isascii() and best.isdigit() and 1 <= float(best) <= MOST_BEST):
            raise ParameterError(
                f"best must be an integer from 1 to {MOST_BEST}. Received: {best!r:.80}."
            )
        thread, recognizer = self.settings["thread"], self.settings["recognizer"]
        answer = await IOLoop.current().run_in_executor(thread, self.recognize, recognizer)
        ranked = answer.ranked[: int(best)]
        self.write(
            {
                "answers": [{"character": label, "probability": p} for label, p in ranked],
                "alternatives": answer.alternatives,
            }
        )


class _Picture(_Asked):
    """`/image`."""

    most = MOST_BYTES

    def recognize(self, recognizer: Recognizer) -> Recognition:
        return recognizer.recognize(read_picture(bytes(self.body), MOST_BYTES, MOST_PIXELS))


class _Strokes(_Asked):
    """`/strokes`."""

    most = MOST_JSON

    def recognize(self, recognizer: Recognizer) -> Recognition:
        try:
            body = json.loads(bytes(self.body), parse_int=_number, parse_float=_number)
            strokes = body["strokes"]
            n = sum(map(len, strokes))
            arrays = [np.array(stroke, dtype=float) for stroke in strokes if n <= MOST_POINTS]
        except Exception as error:  # there are many ways to be no strokes
            rule = 'The body must be JSON, {"strokes": [[[x, y], ...], ...]}.'
            reason = f"{type(error).__name__}: {error}"[:200]
            raise DataError(f"{rule} Received: {reason}.") from error
        if n > MOST_POINTS:
            raise TooLargeError(
                f"Strokes may have {MOST_POINTS:,} points. Received: {n:,}. Send fewer."
            )
        return recognizer.recognize(strokes=arrays)


def _number(text: str) -> float:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits, where {MOST_DIGITS} are taken")
    return float(text)


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit code."""
    command = argparse.ArgumentParser(
        prog="python -m hcr serve",
        description="Answer over HTTP what character a picture or pen strokes show.",
        epilog="Exit codes: 0 ended, 1 there is no such model or address, 2 wrong arguments.",
    )
    kinds = "a pretrained model's name, a run's folder, a .tflite or .keras file"
    command.add_argument("model", nargs="?", help=f"{kinds} (default: the pretrained 47 classes)")
    ports = "default: 8000; 0: any that is free"
    command.add_argument("--port", type=int, default=8000, help=ports)
    hosts = "default: 127.0.0.1, which only this machine reaches"
    command.add_argument("--host", default="127.0.0.1", help=hosts)
    many = {"action": "append", "default": []}
    names = "another name by which this machine is asked; may be repeated"
    command.add_argument("--allow-host", metavar="NAME", help=names, **many)
    sites = "a site whose pages may ask too, as https://example.org; may be repeated"
    command.add_argument("--origin", metavar="URL", help=sites, **many)
    options = command.parse_args(arguments)
    try:
        asyncio.run(_listen(options.model or next(iter(PRETRAINED)), options))
    except HcrError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


async def _listen(name: str, options: argparse.Namespace) -> None:
    (server, address), done = _serve(name, options), asyncio.Event()
    loop = asyncio.get_running_loop()
    for kind in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(kind, done.set)
        except NotImplementedError:  # Windows: there Ctrl-C ends the loop itself
            break
    print(f"{name} answers at {address} (Ctrl-C ends it)", flush=True)
    await done.wait()
    server.stop()
