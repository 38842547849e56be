"""`python -m hcr drawings`: a person's own drawings, as the pad has kept them."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from hcr.datasets import drawings_file as drawings
from hcr.errors import HcrError, ParameterError

MERGED = "merged.jsonl"


class Parser(argparse.ArgumentParser):
    """Reports what is wrong in one line."""

    def error(self, message: str) -> None:
        """Raise `ParameterError`."""
        raise ParameterError(f"{self.prog}: {message}. See {self.prog} --help.")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = Parser(
        prog="python -m hcr drawings",
        description="Your own drawings, as the pad has kept them.",
        epilog="Exit codes: 0 done, 1 it cannot be done, 2 the arguments are wrong.",
    )
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)
    verbs.add_parser("list", help="a line for each drawing")
    verbs.add_parser("count", help="how many there are, of which characters, by whom, and where")
    verb = verbs.add_parser("merge", help="put several people's files into one")
    verb.add_argument("files", nargs="+", metavar="FILE", help="a file of drawings, or its folder")
    verb.add_argument(
        "--into", metavar="FILE", help=f"the file to add them to (default: {MERGED}, beside yours)"
    )
    verb = verbs.add_parser("export", help="write yours to a new file, to be passed on")
    verb.add_argument("file", metavar="FILE")
    verb.add_argument("--writer", metavar="NAME", help="the name to give them there")
    verb = verbs.add_parser("delete", help="delete all of yours")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    try:
        options = vars(parser().parse_args(arguments))
        globals()[f"_{options.pop('verb')}"](**options)
    except HcrError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ParameterError) else 1
    return 0


def _list() -> None:
    for number, drawing in enumerate(drawings.read(), start=1):
        n = f"{len(drawing.strokes)} stroke{'' if len(drawing.strokes) == 1 else 's'}"
        when = f"{drawing.when[:19]}Z"
        print(f"{number:6,d}  {when}  {drawing.character}  {n:<10}  {drawing.writer}")


def _count() -> None:
    everything = drawings.read()
    characters = Counter(drawing.character for drawing in everything)
    writers = _people(len({drawing.writer for drawing in everything}))
    print(f"{len(everything):,} drawings of {len(characters)} characters by {writers}")
    if everything:
        print(" ".join(f"{character}:{n}" for character, n in sorted(characters.items())))
    print(drawings.path())


def _merge(files: list[str], into: str | None) -> None:
    for name in files:
        if not drawings.located(name).is_file():
            raise ParameterError(f"FILE must be a file of drawings. Received: {name}.")
    target = drawings.path().with_name(MERGED) if into is None else Path(into)
    if target.is_dir():
        raise ParameterError(f"--into must name a file. Received: {into}, a folder.")
    merged = drawings.merge(files, target)
    n, writers = sum(merged.writers.values()), _people(len(merged.writers))
    print(f"{n:,} drawings by {writers} in {merged.path}; {merged.copies:,} copies")
    for name in merged.shared:
        print(f"{name} is in several files, and counts as one person")
    print(f"To use it: -p shared.dataset=drawings -p shared.path={merged.path}")


def _export(file: str, writer: str | None) -> None:
    print(f"{drawings.export(file, writer):,} drawings in {file}")


def _delete(yes: bool) -> None:
    n = drawings.count()
    if not n and not drawings.path().is_file():
        print(f"There is no {drawings.path()}: nothing to delete.")
        return
    if not yes:
        try:
            answer = input(f"Delete {n:,} drawings in {drawings.path()}? [y/N] ")
        except EOFError:
            raise ParameterError(
                "delete must be confirmed. Received: no answer. Add --yes."
            ) from None
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return
    print(f"Deleted {drawings.delete():,} drawings.")
    print("Images of them may be left in runs, and in the cache folder of datasets.")


def _people(n: int) -> str:
    return "1 writer" if n == 1 else f"{n:,} writers"
