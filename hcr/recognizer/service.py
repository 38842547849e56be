"""A trained model as an HTTP service: pictures and strokes in, characters and probabilities out.

    GET  /          the model: its name, its characters, and those that it confuses
    POST /image     a picture's file of one character: PNG, JPEG or another of `images.FORMATS`
    POST /strokes   JSON, {"strokes": [[[x, y], ...], ...]}: pen strokes, y down, in any unit

Both answer as JSON with `answers`, the likeliest characters first, each `{"character",
"probability"}`; and `unsure`, the characters between which the model hesitates. `?best=N` asks for
N answers, by default 5. Nothing drawn, nothing answered: both lists are empty. What cannot be read
is answered with `error`: 400 where it is no picture or no strokes, 413 where it is too large.

Any page that a browser shows may send requests to this machine, under any name. So 403 is answered
where `Host` is neither this machine's nor allowed, or where another site is the `Origin`.
"""

import ipaddress
import json
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.iostream import IOStream
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler, stream_request_body

from hcr.errors import DataError, HcrError, ParameterError
from hcr.preprocessing import TooLargeError, from_picture, from_strokes, read_picture
from hcr.recognizer import Recognizer
from hcr.recognizer.doubt import hesitation

MOST_BYTES = 10_000_000  # of a picture's file
MOST_PIXELS = 25_000_000
MOST_JSON = 1_000_000  # bytes of strokes
MOST_POINTS = 20_000
MOST_DIGITS = 40  # of a number
MOST_HELD = 100_000_000  # bytes of all that is sent at one time
MOST_CONNECTIONS = 200  # below the 256 files that macOS lets a process open
IDLE, SENDING = 20, 60  # s that a connection waits for a request, and for its body
BEST, MOST_BEST = 5, 1000


class NotAllowedError(HcrError):
    """Somebody asks who may not."""


def serve(
    recognizer: Recognizer,
    name: str,
    host: str,
    port: int,
    allowed: Iterable[str] = (),
    origins: Iterable[str] = (),
) -> tuple[HTTPServer, str]:
    """Begin to listen; an event loop must run. Says so where others than this machine may ask.

    Args:
        recognizer: What reads.
        name: What it is called.
        host: A name or number of this machine.
        port: 0: any that is free.
        allowed: More names by which this machine is asked, beside `host` and those of loopback.
        origins: Sites whose pages may ask too, such as `https://example.org`.

    Returns:
        The server, and its address.

    Raises:
        ParameterError: Nothing can listen there.
    """
    try:
        if not host.strip():  # to the system: every address
            raise OSError("no address; 0.0.0.0 is every one")
        sockets = bind_sockets(port, host)
    except (OSError, UnicodeError) as error:
        raise ParameterError(
            "host and port must be an address of this machine that nothing else listens on. "
            f"Received: {host}:{port} ({error}). Give another --port."
        ) from error
    numbers = [each.getsockname()[0] for each in sockets]
    if not all(ipaddress.ip_address(each).is_loopback for each in numbers):
        told = "Others than this machine can ask, without a password; by a name that --allow-host"
        print(f"{told} has, or by {host}.", file=sys.stderr, flush=True)
    hosts = ("localhost", "127.0.0.1", "::1", host, *numbers, *allowed)
    application = Application(
        [("/", About), ("/image", Picture), ("/strokes", Strokes)],
        default_handler_class=Nothing,
        log_function=lambda handler: None,  # what others send wrongly would fill the disk
        recognizer=recognizer,
        name=name,
        # One thread: an interpreter of LiteRT answers one at a time, and the loop goes on.
        thread=ThreadPoolExecutor(max_workers=1),
        hosts={_bracketed(each) for each in hosts},
        origins=set(origins),
        held=0,
    )
    # What is larger by far is not even read.
    limits = {"max_body_size": 4 * MOST_BYTES, "idle_connection_timeout": IDLE}
    server = _Server(application, body_timeout=SENDING, **limits)
    server.add_sockets(sockets)
    return server, f"http://{_bracketed(host)}:{sockets[0].getsockname()[1]}/"


def _bracketed(host: str) -> str:
    """A host as a URL has it."""
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
class Handler(RequestHandler):
    """Answers in JSON, errors too."""

    most = 0  # bytes that are taken

    def initialize(self) -> None:
        """Begin with nothing."""
        self.body, self.sent = bytearray(), 0

    def set_default_headers(self) -> None:
        """Let the pages of a site that may ask read the answer."""
        origin = self.request.headers.get("Origin")
        if origin in self.settings["origins"]:
            self.set_header("Access-Control-Allow-Origin", origin)

    def prepare(self) -> None:
        """Refuse other names of this machine, and the pages of other sites."""
        host, origin = self.request.host, self.request.headers.get("Origin")
        own = origin is None or origin.partition("://")[2].lower() == host.lower()
        known = self.request.host_name in self.settings["hosts"]
        if not (known and (own or origin in self.settings["origins"])):
            raise NotAllowedError(
                "Host must be a name of this machine, and Origin this service. Received: "
                f"{host!r:.80}, {origin!r:.80}. Begin with --allow-host or --origin for others."
            )

    def data_received(self, chunk: bytes) -> None:
        """Keep what is sent, unless it is too much."""
        self.sent += len(chunk)
        if self.sent > self.most:
            self._forget()
        elif self.settings["held"] + len(chunk) <= MOST_HELD:
            self.body += chunk
            self.settings["held"] += len(chunk)

    def on_finish(self) -> None:
        """Keep nothing."""
        self._forget()

    def on_connection_close(self) -> None:
        """Keep nothing."""
        self._forget()
        super().on_connection_close()

    def _forget(self) -> None:
        self.settings["held"] -= len(self.body)
        self.body = bytearray()

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say in one line what is wrong."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        told = getattr(error, "log_message", None) or self._reason
        if isinstance(error, HcrError):
            told = str(error)
            statuses = {TooLargeError: 413, NotAllowedError: 403}
            self.set_status(statuses.get(type(error), 400))
        self.finish({"error": told})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is wrong here, and not what somebody sent."""
        if not isinstance(value, HcrError | HTTPError):
            super().log_exception(typ, value, tb)


class About(Handler):
    """`/`."""

    def get(self) -> None:
        """Tell what reads here, and how it is asked."""
        recognizer = self.settings["recognizer"]
        self.write(
            {
                "model": self.settings["name"],
                "characters": list(recognizer.labels),
                "confuses": ["".join(group) for group in recognizer.groups],
                "ask": {
                    "POST /image": "a picture's file",
                    "POST /strokes": '{"strokes": [[[x, y], ...], ...]}, y down, in any unit',
                },
            }
        )


class Asked(Handler):
    """What is sent becomes a contract picture, by the method `picture`, and is read."""

    async def post(self) -> None:
        """Answer."""
        if self.sent > self.most:
            raise TooLargeError(
                f"What is sent may have {self.most:,} bytes. Received: {self.sent:,}. Send less."
            )
        if len(self.body) < self.sent:
            raise HTTPError(503, "Too much is sent at one time. Send it again later.")
        best, thread = self._best(), self.settings["thread"]
        self.write(await IOLoop.current().run_in_executor(thread, self._answer, best))

    def _answer(self, best: int) -> dict[str, list]:
        picture = self.picture()
        if not picture.any():
            return {"answers": [], "unsure": []}
        recognizer = self.settings["recognizer"]
        ranked = recognizer.best(recognizer.predict(picture[None])[0])
        return {
            "answers": [
                {"character": character, "probability": share} for character, share in ranked[:best]
            ],
            "unsure": list(hesitation(ranked, recognizer.groups)),
        }

    def _best(self) -> int:
        text = self.get_query_argument("best", str(BEST))
        if not (text.isascii() and text.isdigit() and 1 <= float(text) <= MOST_BEST):
            raise ParameterError(
                f"best must be an integer from 1 to {MOST_BEST}. Received: {text!r:.80}."
            )
        return int(text)


class Picture(Asked):
    """`/image`."""

    most = MOST_BYTES

    def picture(self) -> np.ndarray:
        """The contract picture of a picture's file."""
        return from_picture(read_picture(bytes(self.body), MOST_BYTES, MOST_PIXELS))


class Strokes(Asked):
    """`/strokes`."""

    most = MOST_JSON

    def picture(self) -> np.ndarray:
        """The contract picture of pen strokes."""
        rule = 'The body must be JSON, {"strokes": [[[x, y], ...], ...]}.'
        try:
            read = json.loads(bytes(self.body), parse_int=_number, parse_float=_number)
            strokes = read["strokes"]
            n = sum(map(len, strokes))
            arrays = [np.array(stroke, dtype=float) for stroke in strokes if n <= MOST_POINTS]
        except Exception as error:  # there are many ways to be no strokes
            told = f"{type(error).__name__}: {error}"[:200]
            raise DataError(f"{rule} Received: {told}.") from error
        if n > MOST_POINTS:
            raise TooLargeError(
                f"Strokes may have {MOST_POINTS:,} points. Received: {n:,}. Send fewer."
            )
        return from_strokes(arrays)


def _number(text: str) -> float:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"a number of {len(text):,} digits, where {MOST_DIGITS} are taken")
    return float(text)


class Nothing(Handler):
    """Every other address."""

    def prepare(self) -> None:
        """Say what there is."""
        super().prepare()
        raise HTTPError(404, "There is GET /, POST /image and POST /strokes.")
