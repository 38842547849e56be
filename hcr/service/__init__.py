"""A trained model as an HTTP service: pictures and strokes in, characters and probabilities out.

    GET  /          the model: its name, its characters, and those that it confuses
    POST /image     a picture's file (PNG, JPEG and what else Pillow reads) of one character
    POST /strokes   JSON, {"strokes": [[[x, y], ...], ...]}: pen strokes, y down, in any unit

Both answer as JSON with `answers`, the likeliest characters first, each `{"character",
"probability"}`; and `unsure`, the characters between which the model hesitates. `?best=N` asks for
N answers, by default 5. Nothing drawn, nothing answered: both lists are empty. What cannot be read
is answered with `error`: 400 where it is no picture or no strokes, 413 where it is too large.
"""

import io
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from tornado.httpserver import HTTPServer
from tornado.ioloop import IOLoop
from tornado.netutil import bind_sockets
from tornado.web import Application, HTTPError, RequestHandler

from hcr import images
from hcr.doubt import hesitation
from hcr.errors import DataError, HcrError, ParameterError
from hcr.recognizer import Recognizer

MOST_BYTES = 10_000_000
MOST_PIXELS = 25_000_000
BEST = 5


class TooLargeError(HcrError):
    """More was sent than is taken."""


def serve(recognizer: Recognizer, name: str, host: str, port: int) -> tuple[HTTPServer, str]:
    """Begin to listen; an event loop must run.

    Args:
        recognizer: What reads.
        name: What it is called.
        host: A name or number of this machine.
        port: 0: any that is free.

    Returns:
        The server, and its address.

    Raises:
        ParameterError: Nothing can listen there.
    """
    try:
        sockets = bind_sockets(port, host)
    except OSError as error:
        raise ParameterError(
            "host and port must be an address of this machine that nothing else listens on. "
            f"Received: {host}:{port} ({error}). Give another --port."
        ) from error
    # What is larger by far is not even read.
    server = HTTPServer(application(recognizer, name), max_body_size=4 * MOST_BYTES)
    server.add_sockets(sockets)
    return server, f"http://{host}:{sockets[0].getsockname()[1]}/"


def application(recognizer: Recognizer, name: str) -> Application:
    """The service of one model, for a server of Tornado."""
    # One thread: an interpreter of LiteRT answers one at a time, and the loop goes on meanwhile.
    thread = ThreadPoolExecutor(max_workers=1)
    given = {"recognizer": recognizer, "name": name, "thread": thread}
    return Application(
        [("/", About, given), ("/image", Picture, given), ("/strokes", Strokes, given)],
        default_handler_class=Nothing,
        default_handler_args=given,
    )


class Handler(RequestHandler):
    """Answers in JSON, errors too."""

    def initialize(self, recognizer: Recognizer, name: str, thread: ThreadPoolExecutor) -> None:
        """Take what all requests share."""
        self.recognizer, self.name, self.thread = recognizer, name, thread

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say in one line what is wrong."""
        error = kwargs.get("exc_info", (None, None, None))[1]
        told = str(error) if isinstance(error, HcrError) else self._reason
        if isinstance(error, HTTPError) and error.log_message:
            told = error.log_message
        if isinstance(error, HcrError):
            self.set_status(413 if isinstance(error, TooLargeError) else 400)
        self.finish({"error": told})

    def log_exception(self, typ: Any, value: Any, tb: Any) -> None:
        """Log what is wrong here, and not what somebody sent."""
        if not isinstance(value, HcrError):
            super().log_exception(typ, value, tb)


class About(Handler):
    """`/`."""

    def get(self) -> None:
        """Tell what reads here, and how it is asked."""
        groups = ["".join(group) for group in self.recognizer.groups]
        self.write(
            {
                "model": self.name,
                "characters": list(self.recognizer.labels),
                "confuses": groups,
                "ask": {
                    "POST /image": "a picture's file",
                    "POST /strokes": '{"strokes": [[[x, y], ...], ...]}, y down, in any unit',
                },
            }
        )


class Asked(Handler):
    """What is sent becomes a picture, and is read."""

    async def post(self) -> None:
        """Answer."""
        if len(self.request.body) > MOST_BYTES:
            raise TooLargeError(
                f"What is sent may have {MOST_BYTES:,} bytes. "
                f"Received: {len(self.request.body):,}. Send it smaller."
            )
        best = self._best()
        found = await IOLoop.current().run_in_executor(self.thread, self._answer, best)
        self.write(found)

    def picture(self) -> np.ndarray:
        """The contract picture, uint8 (28, 28), of what was sent. Raises `DataError`."""
        raise NotImplementedError

    def _answer(self, best: int) -> dict[str, list]:
        picture = self.picture()
        if not picture.any():
            return {"answers": [], "unsure": []}
        ranked = self.recognizer.best(self.recognizer.predict(picture[None])[0])
        return {
            "answers": [
                {"character": character, "probability": share} for character, share in ranked[:best]
            ],
            "unsure": list(hesitation(ranked, self.recognizer.groups)),
        }

    def _best(self) -> int:
        text = self.get_query_argument("best", str(BEST))
        if not text.isascii() or not text.isdigit() or not int(text):
            raise ParameterError(f"best must be an integer of at least 1. Received: {text!r}.")
        return int(text)


class Picture(Asked):
    """`/image`."""

    def picture(self) -> np.ndarray:
        """The contract picture of a picture's file."""
        from PIL import Image, UnidentifiedImageError

        rule = "The body must be the file of one picture, as PNG or JPEG."
        try:
            sent = Image.open(io.BytesIO(self.request.body))
        except UnidentifiedImageError:
            raise DataError(f"{rule} Received: {self._received()}.") from None
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(f"{rule} Received: {error}.") from error
        if sent.width * sent.height > MOST_PIXELS:
            raise TooLargeError(
                f"A picture may have {MOST_PIXELS:,} pixels. Received: {sent.width:,} x "
                f"{sent.height:,}. Send it smaller."
            )
        return images.from_picture(sent)

    def _received(self) -> str:
        body = self.request.body
        return f"{len(body):,} bytes that are none" if body else "an empty body"


class Strokes(Asked):
    """`/strokes`."""

    def picture(self) -> np.ndarray:
        """The contract picture of pen strokes."""
        rule = 'The body must be JSON, {"strokes": [[[x, y], ...], ...]}.'
        try:
            strokes = json.loads(self.request.body)["strokes"]
            arrays = [np.array(stroke, dtype=float) for stroke in strokes]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise DataError(f"{rule} Received: {type(error).__name__}: {error}.") from error
        return images.from_strokes(arrays)


class Nothing(Handler):
    """Every other address."""

    def prepare(self) -> None:
        """Say what there is."""
        raise HTTPError(404, "There is GET /, POST /image and POST /strokes.")
