"""`python -m hcr recognize`: what pictures show, on the command line."""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hcr.datasets.files import reading
from hcr.datasets.own_forms import scan
from hcr.errors import DataError, HcrError, ParameterError
from hcr.preprocessing import labels, pixels_of
from hcr.preprocessing.pictures import MOST_BYTES, find_pictures
from hcr.recognizer.page import draw_page
from hcr.recognizer.recognizer import Recognition, Recognizer, as_json
from hcr.recognizer.sources import PRETRAINED
from hcr.runs.files import writing

LABELED = "a folder of folders that are named by their character, or a CSV of picture and label"


def main(arguments: list[str] | None = None) -> int:
    """Recognize; the exit code."""
    about = "Recognize pictures of one character each: scans, photos or cut-outs."
    codes = "Exit codes: 0 done, 1 a picture or the model cannot be read, 2 wrong arguments."
    parser = argparse.ArgumentParser("python -m hcr recognize", description=about, epilog=codes)
    add = parser.add_argument
    text = "a picture, a folder of pictures, or - for standard input"
    add("pictures", nargs="*", metavar="PICTURE", type=Path, help=text)
    text = f"a pretrained model's name, a run's folder or a file; default: {next(iter(PRETRAINED))}"
    add("--model", help=text)
    add("--labels", metavar="CHARACTERS", help="of a model file: in the order of its outputs")
    add("--scaling", metavar="NUMBERS", help="of a model file: its background and ink, as 0..1")
    add("--framing", metavar="NAME", help="of a model file: emnist or mnist, as its images")
    add("--only", metavar="CHARACTERS", help="the possible ones, or digits, letters, capitals")
    add("--page", action="store_true", help="a picture shows lines of separate characters")
    text = "with --page: the .png for the picture with boxes and answers, or a folder of such"
    add("--boxes", metavar="OUT", type=Path, help=text)
    add("--top", metavar="K", type=int, help="print the K likeliest (default: 1, with --json 5)")
    add("--json", action="store_true", help="a line of JSON for each picture")
    add("--expect", metavar="LABELS", type=Path, help=f"print the accuracy; {LABELED}")
    options = parser.parse_args(arguments)
    if options.page and options.expect:
        raise ParameterError("--expect is for pictures of one character. Received: --page, too.")
    if options.top is not None and options.top < 1:
        raise ParameterError(f"--top must be 1 or more. Received: {options.top}. Leave it out.")
    labeled = _labeled(options.expect) if options.expect else {}
    expected = {path.resolve(): character for path, character in labeled.items()}
    pictures = _pictures(options.pictures or list(labeled))
    files = _files(options.boxes, pictures, options.page) if options.boxes else {}
    foreign = options.labels, options.scaling, options.framing
    model = Recognizer.load(options.model, *foreign, only=options.only)
    right, broken = [], False
    for picture in _progress(pictures):
        name = str(picture) if str(picture).isprintable() else ascii(str(picture))
        try:
            facts = _facts(model, picture, options, files.get(picture))
        except HcrError as error:
            facts, broken = {"error": str(error)}, True
            text = str(error) if name in str(error) else f"{name}: {error}"
            print(text, file=sys.stderr, flush=True)
        wanted = expected.get(picture.resolve())
        if wanted is not None and "error" not in facts:
            # A letter that the model lacks may be counted as its capital.
            meant = wanted if wanted in model.labels else labels.merge(wanted)
            right.append([each["character"] for each in facts["answers"][:1]] == [meant])
            facts |= {"expected": wanted, "right": right[-1]}
        if options.json:
            print(json.dumps({"picture": str(picture), **facts}), flush=True)
        elif "error" not in facts:
            print(*(f"{name}:{line}" for line in _lines(facts, options.top or 1)), sep="\n")
    if options.expect:
        _accuracy(right, len(pictures) - len(right), options.json)
    return int(broken)


def _pictures(given: list[Path]) -> list[Path]:
    """The files that are named, and those in folders that are pictures by their suffix."""
    found = [find_pictures(path) for path in given]
    pictures = dict.fromkeys(picture for files, _ in found for picture in files)
    if passed := sum((others for _, others in found), Counter()):
        kinds = ", ".join(f"{n:,} {kind or 'without a suffix'}" for kind, n in passed.most_common())
        print(f"Passed over: {kinds}.", file=sys.stderr)
    if not pictures:
        rule = "There must be a picture, a folder of pictures, or - for standard input"
        raise ParameterError(f"{rule}. Received: {', '.join(map(str, given)) or 'none'}.")
    return list(pictures)


def _progress(pictures: list[Path]) -> Iterator[Path]:
    """`pictures`, with a progress bar on a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console, disable = Console(stderr=True), len(pictures) < 2 or not sys.stderr.isatty()
    # What goes to a terminal is written above the bar, and what goes to a file stays there.
    redirect = {"redirect_stdout": sys.stdout.isatty()}
    with Progress(console=console, transient=True, disable=disable, **redirect) as bar:
        yield from bar.track(pictures, description="Recognizing")


def _files(out: Path, pictures: list[Path], page: bool) -> dict[Path, Path]:
    """Where each picture goes with its boxes."""
    if out.suffix.lower() == ".png":
        files = dict.fromkeys(pictures, out)
    else:
        files = {x: out / f"{i}_{x.stem}_boxes.png" for i, x in enumerate(pictures, 1)}
    places = {file.resolve() for file in files.values()}
    if not page or len(places) < len(files) or places & {x.resolve() for x in pictures}:
        rule = "--boxes must come with --page, and be a folder, or for one picture another .png"
        raise ParameterError(f"{rule}. Received: {out}, {len(files):,} pictures.")
    return files


def _facts(
    model: Recognizer, picture: Path, options: argparse.Namespace, file: Path | None
) -> dict[str, Any]:
    """What a picture shows, as JSON has it; a page's boxes are drawn into `file`."""
    source = sys.stdin.buffer.read(MOST_BYTES + 1) if picture == Path("-") else picture
    top = options.top or 5
    if options.page:
        pixels = pixels_of(source)
        lines = model.recognize_page(pixels)
        if file:
            with writing(file) as place:
                draw_page(pixels, lines).save(place, "PNG")
        return {"lines": [[as_json(x, top) | {"box": x.box} for x in line] for line in lines]}
    answer = model.recognize(source)
    if "several" in answer.warnings:  # none of them is the answer
        answer = Recognition(warnings=answer.warnings)
    return as_json(answer, top) | {"warnings": answer.warnings}


def _lines(facts: dict[str, Any], top: int) -> list[str]:
    """The text after a picture's name: one line, or one for each of a page's."""
    if "lines" in facts:
        texts = []
        for i, line in enumerate(facts["lines"], 1):
            best = [each["answers"][0]["character"] for each in line]
            others = [", ".join(each["alternatives"][1:]) for each in line]
            unsure = [f"{x} ({y})" for x, y in zip(best, others, strict=True) if y]
            texts.append(
                f"{i}: {''.join(best)}" + f", not sure: {', '.join(unsure)}" * bool(unsure)
            )
        return texts or [" no answer"]
    ranked = [f"{e['character']} {100 * e['probability']:.1f} %" for e in facts["answers"][:top]]
    others = facts["alternatives"][1:] if top == 1 else []
    text = (", ".join(ranked) or "no answer") + (f" or {', '.join(others)}" if others else "")
    text += "" if facts.get("right", True) else f", not {facts['expected']}"
    lines = [line.replace("recognize_page", "--page") for line in facts["warnings"].values()]
    return [" " + ". ".join([text, *lines])]


def _labeled(path: Path) -> dict[Path, str]:
    """The characters of pictures, by their files."""
    with reading(path, LABELED, "Mend it (docs/own_data.md), or give another."):
        source = scan(path, least=1)
        if not source.of_files:
            raise ValueError("arrays")
    return {
        Path(source.name(part, i)): source.characters[label]
        for part, of_part in source.labels.items()
        for i, label in enumerate(of_part)
    }


def _accuracy(right: list[bool], others: int, as_json: bool) -> None:
    """Print the share that is right, with Wilson's interval."""
    from scipy.stats import binomtest

    if not right:
        raise DataError("--expect must have the label of a picture that is read. Received: none.")
    n, k = len(right), sum(right)
    low, high = binomtest(k, n).proportion_ci(method="wilson")
    facts = {"n": n, "right": k, "accuracy": k / n, "interval": [low, high]}
    share, low, high = (f"{100 * x:.1f}" for x in (k / n, low, high))
    text = f"Accuracy: {k:,} of {n:,} right, {share} % (95 % interval {low} to {high})"
    print(json.dumps(facts) if as_json else text)
    if others:
        print(f"Not counted: {others:,} without a label or not readable.", file=sys.stderr)
