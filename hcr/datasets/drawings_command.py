"""`python -m hcr drawings`: a person's own drawings, as kept in the pad."""

import argparse
from collections import Counter

from hcr.datasets import drawings_file as drawings
from hcr.errors import ParameterError

MERGED = "merged.jsonl"


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns the exit code. Raises `DataError` and `ParameterError`."""
    about = "Your own drawings, as kept in the pad."
    codes = "Exit codes: 0 done, 1 it cannot be done, 2 the arguments are wrong."
    parser = argparse.ArgumentParser("python -m hcr drawings", description=about, epilog=codes)
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    verbs.add_parser("count", help="how many there are, of which characters, by whom, and where")
    verbs.add_parser("list", help="a line for each drawing")
    verb = verbs.add_parser("merge", help="put several people's files into one")
    verb.add_argument("files", nargs="+", metavar="FILE", help="a file of drawings, or its folder")
    text = f"the file to add them to (default: {MERGED}, beside yours)"
    verb.add_argument("--into", metavar="FILE", help=text)
    verb = verbs.add_parser("export", help="write yours to a new file or folder, to be passed on")
    verb.add_argument("file", metavar="PLACE")
    verb.add_argument("--as", dest="form", choices=drawings.FORMS, default=drawings.FORMS[0])
    verb.add_argument("--writer", metavar="NAME", help="the name to give them there")
    verb = verbs.add_parser("delete", help="delete all of yours")
    verb.add_argument("--yes", action="store_true", help="do not ask")
    options = vars(parser.parse_args(arguments))
    globals()[f"_{options.pop('verb')}"](**options)
    return 0


def _count() -> None:
    everything = drawings.read()
    characters = Counter(drawing.character for drawing in everything)
    writers = len({drawing.writer for drawing in everything})
    print(f"drawings: {len(everything):,}, characters: {len(characters)}, writers: {writers:,}")
    print(" ".join(f"{character}:{n}" for character, n in sorted(characters.items())))
    print(drawings.path())


def _list() -> None:
    for each in drawings.read():
        print(f"{each.when[:19]}Z  {each.character}  {len(each.strokes)} strokes  {each.writer}")


def _export(file: str, writer: str | None, form: str) -> None:
    print(f"{drawings.export(file, writer, form):,} drawings in {file}")


def _merge(files: list[str], into: str | None) -> None:
    target = into or drawings.path().with_name(MERGED)
    writers, copies = drawings.merge(files, target)
    print(f"drawings: {sum(writers.values()):,}, writers: {len(writers):,}, copies: {copies:,}")
    print(f"To use them: -p shared.dataset=drawings -p shared.path={target}")


def _delete(yes: bool) -> None:
    if not yes:
        try:
            answer = input(f"Delete all drawings in {drawings.path()}? [y/N] ")
        except EOFError:
            rule = "delete must be confirmed. Received: no answer"
            raise ParameterError(f"{rule}. Add --yes.") from None
        if answer.strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return
    drawings.delete()
    print("Deleted. Images of them may be left in runs, and in the cache folder of datasets.")
