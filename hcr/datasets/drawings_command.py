"""The command line of a person's own drawings: `python -m hcr drawings`."""

import argparse
import sys
from collections import Counter
from pathlib import Path

from hcr.datasets import own_drawings as drawings
from hcr.datasets.drawings_store import found_at
from hcr.errors import HcrError, ParameterError

MERGED = "merged.jsonl"
DESCRIPTION = "Your own drawings, as the pad has kept them."
EPILOG = "Exit codes: 0 done, 1 it cannot be done, 2 the arguments are wrong."


class Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line."""

    def error(self, message: str) -> None:
        """Raise `ParameterError`."""
        raise ParameterError(f"{self.prog}: {message}. See {self.prog} --help.")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = Parser(prog="python -m hcr drawings", description=DESCRIPTION, epilog=EPILOG)
    verbs = found.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=Parser)
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
    return found


def show() -> None:
    """Print a line for each drawing."""
    for number, each in enumerate(drawings.read(), start=1):
        n = f"{len(each.strokes)} stroke{'' if len(each.strokes) == 1 else 's'}"
        print(f"{number:6,d}  {each.when[:19]}Z  {each.character}  {n:<10}  {each.writer}")


def count() -> None:
    """Print how many drawings there are."""
    found = drawings.read()
    characters = Counter(each.character for each in found)
    writers = {each.writer for each in found}
    print(f"{len(found):,} drawings of {len(characters)} characters by {_people(len(writers))}")
    if found:
        print(" ".join(f"{character}:{n}" for character, n in sorted(characters.items())))
    print(drawings.path())


def merge(names: list[str], into: str | None) -> None:
    """Merge the files, and print what came of it."""
    for name in names:
        if not found_at(name).is_file():
            raise ParameterError(
                f"FILE must be a file of drawings. Received: {name}, which is not."
            )
    target = drawings.path().with_name(MERGED) if into is None else Path(into)
    if target.is_dir():
        raise ParameterError(f"--into must name a file. Received: {into}, a folder.")
    found = drawings.merge(names, target)
    n = sum(found.writers.values())
    print(
        f"{n:,} drawings by {_people(len(found.writers))} in {found.path}; {found.copies:,} copies"
    )
    for name in found.shared:
        print(f"{name} is in several files, and counts as one person")
    print(f"To use it: -p shared.dataset=drawings -p shared.path={found.path}")


def delete(yes: bool) -> None:
    """Delete the drawings, after asking."""
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
    print("Pictures of them may be left in runs, and in the cache folder of data sets.")


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    try:
        options = parser().parse_args(arguments)
        if options.verb == "list":
            show()
        elif options.verb == "count":
            count()
        elif options.verb == "merge":
            merge(options.files, options.into)
        elif options.verb == "export":
            n = drawings.export(options.file, options.writer)
            print(f"{n:,} drawings in {options.file}")
        else:
            delete(options.yes)
    except ParameterError as error:
        print(error, file=sys.stderr)
        return 2
    except HcrError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _people(n: int) -> str:
    return "1 writer" if n == 1 else f"{n:,} writers"


if __name__ == "__main__":
    sys.exit(main())
