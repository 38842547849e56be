"""`python -m hcr serve`: a trained model answers over HTTP."""

import argparse
import asyncio
import signal
import sys
from typing import Any

from hcr.errors import HcrError
from hcr.recognizer import SHIPPED, Recognizer
from hcr.recognizer.service import serve

MOST = 65535  # of ports


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(
        prog="python -m hcr serve",
        description="Answer over HTTP what character a picture or pen strokes show.",
        epilog="Exit codes: 0 ended, 1 there is no such model or address, 2 wrong arguments.",
    )
    found.add_argument(
        "model",
        nargs="?",
        help="a shipped model's name, a run's folder, a .tflite or .keras file (default: the "
        "shipped 47 classes)",
    )
    found.add_argument(
        "--port", type=_port, default=8000, help="default: 8000; 0: any that is free"
    )
    found.add_argument(
        "--host", default="127.0.0.1", help="default: 127.0.0.1, which only this machine reaches"
    )
    for flag, form, told in (
        ("--allow-host", "NAME", "another name by which this machine is asked"),
        ("--origin", "URL", "a site whose pages may ask too, as https://example.org"),
    ):
        again = f"{told}; may be given again"
        found.add_argument(flag, action="append", default=[], metavar=form, help=again)
    return found


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MOST:
        raise argparse.ArgumentTypeError(
            f"must be an integer from 0 to {MOST}. Received: {text!r}. Leave it out for 8000"
        )
    return int(text)


async def listen(recognizer: Recognizer, name: str, *where: Any) -> None:
    """Serve, as `serve` does, until the process is interrupted or told to end."""
    (server, address), done = serve(recognizer, name, *where), asyncio.Event()
    loop = asyncio.get_running_loop()
    for kind in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(kind, done.set)
        except NotImplementedError:  # Windows: there Ctrl-C ends the loop itself
            break
    print(f"{name} answers at {address} (Ctrl-C ends it)", flush=True)
    await done.wait()
    server.stop()


def main(arguments: list[str] | None = None) -> int:
    """Serve; the exit code."""
    asked = parser().parse_args(arguments)
    try:
        name = asked.model or next(iter(SHIPPED))
        where = asked.host, asked.port, asked.allow_host, asked.origin
        asyncio.run(listen(Recognizer.load(name), name, *where))
    except HcrError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
