"""How rows of characters are recognized: `recognize_page` beside the same characters alone.

    HCR_DATA=FOLDER uv run benchmarks/pages.py [--lines 500] [--seed 0] [--split validation]
    HCR_DATA=FOLDER uv run benchmarks/pages.py --fit --lines 300 --seed 11 --split train
    HCR_DATA=FOLDER uv run benchmarks/pages.py --several --lines 2000
    HCR_DATA=FOLDER uv run benchmarks/pages.py --context --lines 25 --seed 1
    HCR_DATA=FOLDER uv run benchmarks/pages.py --speed

Lines of 3 to 10 characters, digits, letters or both, are made of EMNIST's images and UNIPEN's
drawings of a split. Printed are, for each condition, the character error rate (CER: edits by
characters, cases merged as in EMNIST), that of the same characters alone in such a picture, and
the boxes' F1 at an IoU of 0.5.
"""

import argparse
import time
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.optimize import minimize

from hcr import datasets, preprocessing
from hcr.datasets import unipen
from hcr.preprocessing import labels
from hcr.recognizer import Recognizer, page

CONDITIONS = ("clean", "light", "slant", "touching")
SMALL, LOW = "acemnorsuvwxz", "gjpqy"  # letters without ascender; with descender


@dataclass
class Row:
    """A picture of characters in a row, and of each alone."""

    picture: np.ndarray  # uint8 (h, w)
    text: list[str]
    boxes: list[tuple[int, int, int, int]]  # left, top, right, bottom
    owner: np.ndarray  # int (h, w): which character's ink it is, from 1
    alone: list[np.ndarray]  # uint8 (h, w)


class Characters:
    """EMNIST's images and UNIPEN's drawings of one split."""

    def __init__(self, split: str):
        data = datasets.load("emnist-subset")
        part = getattr(data, split)
        self.images, self.names = part.images, np.array(data.characters)[part.labels]
        strokes, names, _, parts = unipen._distinct()
        rows = np.flatnonzero(parts == (split == "validation"))
        self.drawings, self.drawn = strokes.take(rows), names[rows]
        merged = np.array([labels.merge(each) for each in self.drawn])
        self.places = {
            each: (np.flatnonzero(self.names == each), np.flatnonzero(merged == each))
            for each in labels.BALANCED
        }

    def glyph(self, name: str, height: int, rng) -> tuple[np.ndarray, float]:
        """Ink of 0..1 (h, w), cropped, and by how much it goes below the line."""
        images, drawings = self.places[name]
        case = name
        if rng.random() < 0.5:
            ink = self.images[rng.choice(images)]
            steep = rng.uniform(1.5, 3)
            scale = height * rng.uniform(0.88, 1.12) / 22.7
        else:
            i = int(rng.choice(drawings))
            ink, case = drawn(self.drawings[i], height, rng), str(self.drawn[i])
            steep, scale = 1, rng.uniform(0.88, 1.12) / 2
        if case in SMALL and rng.random() < 0.7:
            scale *= rng.uniform(0.6, 0.8)
        size = [max(2, round(side * scale)) for side in ink.shape[::-1]]
        ink = np.asarray(Image.fromarray(ink).resize(size, Image.Resampling.BICUBIC)) / 255
        ink = np.clip((ink - 0.5) * steep + 0.5, 0, 1)
        rows, columns = (np.flatnonzero((ink > 0.3).any(axis)) for axis in (1, 0))
        ink = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return ink, (0.3 if case in LOW else 0) + rng.normal(0, 0.03)

    def row(self, text: list[str], condition: str, rng) -> Row:
        """A row of `text` on paper."""
        height = int(rng.integers(36, 72))
        glyphs = [self.glyph(name, height, rng) for name in text]
        close = rng.uniform(0.08, 0.35)  # most writers keep their gaps
        places, end = [], 0
        edge = np.full(4 * height, -np.inf)  # the rightmost ink of each row so far
        for ink, low in glyphs:
            top = round(2.5 * height + low * height) - len(ink)
            left = end + max(0.05, close + rng.normal(0, 0.06)) * height
            window, solid = slice(top, top + len(ink)), ink > 0.2
            inked = solid.any(1)
            if condition == "touching" and places and rng.random() < 0.5:
                room = (np.argmax(solid, 1) - edge[window])[inked].min()
                # A third of the one before may be above or below it.
                least = places[-1][0] + 0.67 * (end - places[-1][0])
                left = max(-room - rng.integers(0, 3), least)
            left = max(0, round(left))
            places.append((left, top))
            last = left + ink.shape[1] - np.argmax(solid[:, ::-1], 1)
            edge[window] = np.maximum(edge[window], np.where(inked, last, -np.inf))
            end = max(end, left + ink.shape[1])
        layers = np.zeros((len(glyphs), 4 * height, end), np.float32)
        for layer, (ink, _), (left, top) in zip(layers, glyphs, places, strict=True):
            layer[top : top + len(ink), left : left + ink.shape[1]] = ink
        angle = np.deg2rad(rng.uniform(-5, 5)) if condition == "slant" else 0
        shear = rng.uniform(-0.3, 0.3) if condition == "slant" else 0
        turned = placed(layers, angle, shear, int(rng.uniform(0.15, 0.8) * height))
        owner = np.where(turned.max(0) > 0.4, 1 + turned.argmax(0), 0)
        alone = []
        for i, (ink, _) in enumerate(glyphs):
            one = placed(ink[None], angle, shear, int(rng.uniform(0.15, 0.8) * height))
            alone.append(on_paper(one[0], condition, np.random.default_rng([7, i])))
        boxes = [(b.start, a.start, b.stop, a.stop) for a, b in ndimage.find_objects(owner)]
        return Row(on_paper(turned.max(0), condition, rng), text, boxes, owner, alone)

    def rows(self, n: int, condition: str, seed: int, lengths=(3, 10)):
        """`n` rows of digits, letters or both."""
        rng = np.random.default_rng([seed, *condition.encode()])
        kinds = (labels.DIGITS, labels.BALANCED[10:], labels.BALANCED)
        for _ in range(n):
            kind = kinds[rng.integers(3)]
            text = rng.choice(list(kind), rng.integers(lengths[0], lengths[1] + 1))
            yield self.row(text.tolist(), condition, rng)


def drawn(strokes, height: int, rng) -> np.ndarray:
    """Ink, uint8, of a drawing whose longer side is 2 `height` pixels."""
    points = np.concatenate(strokes)
    low, size = points.min(0), np.ptp(points, axis=0).max()
    width = max(2, round(2 * height * rng.uniform(0.06, 0.14)))
    sides = np.ptp(points, axis=0) * (2 * height / size) + 2 * width + 4
    image = Image.new("L", tuple(np.ceil(sides).astype(int).tolist()))
    draw = ImageDraw.Draw(image)
    for stroke in strokes:
        line = [tuple(p) for p in ((stroke - low) * (2 * height / size) + width + 2).tolist()]
        draw.line(line, fill=255, width=width, joint="curve")
        for x, y in (line[0], line[-1]):
            draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=255)
    return np.asarray(image)


def placed(layers: np.ndarray, angle: float, shear: float, margin: int) -> np.ndarray:
    """The layers, (n, h, w), turned and sheared, cut to the ink and `margin` pixels around it."""
    if angle or shear:
        _, h, w = layers.shape
        room = int(0.35 * h + 0.09 * w) + 2
        layers = np.pad(layers, ((0, 0), (room, room), (room, room)))
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn = turn @ np.array([[1, 0], [shear, 1]])
        middle = np.array(layers.shape[1:]) / 2
        shift = middle - turn @ middle
        layers = np.stack([ndimage.affine_transform(e, turn, shift, order=1) for e in layers])
    ink = layers.max(0) > 0.3
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    layers = layers[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return np.pad(layers, ((0, 0), (margin, margin), (margin, margin)))


def on_paper(ink: np.ndarray, condition: str, rng) -> np.ndarray:
    """Ink of 0..1 on paper, uint8 (h, w)."""
    paper, dark = rng.uniform(190, 250), rng.uniform(15, 100)
    gray = paper + (dark - paper) * np.clip(ink, 0, 1)
    y, x = (np.linspace(0, 1, side) for side in ink.shape)
    y = y[:, None]
    if condition == "light":
        share, form = rng.uniform(0.3, 0.7), rng.integers(3)
        x, y = (side if rng.random() < 0.5 else 1 - side for side in (x, y))
        if form == 0:
            gray = gray * (1 - share * x)
        elif form == 1:
            gray = gray * (1 - share * ((x - 0.5) ** 2 + (y - 0.5) ** 2) * 2)
        else:
            gray = gray * (1 - share * np.clip(1 - np.hypot(x, y) / 0.6, 0, 1))
    elif rng.random() < 0.1:
        gray = 255 - gray
    return np.clip(gray + rng.normal(0, rng.uniform(1, 5), ink.shape), 0, 255).astype(np.uint8)


def edits(right: list[str], answer: list[str]) -> int:
    """The fewest characters to replace, insert or leave out."""
    costs = list(range(len(answer) + 1))
    for i, one in enumerate(right):
        row = [i + 1]
        for j, other in enumerate(answer):
            row.append(min(costs[j] + (one != other), costs[j + 1] + 1, row[j] + 1))
        costs = row
    return costs[-1]


def overlap(one: tuple, other: tuple) -> float:
    """Intersection over union."""
    width, height = (min(one[i + 2], other[i + 2]) - max(one[i], other[i]) for i in (0, 1))
    both = max(width, 0) * max(height, 0)
    areas = ((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return both / (sum(areas) - both)


def measure(recognizer: Recognizer, rows, condition: str) -> None:
    """Print the figures of one condition."""
    n = wrong = alone = hits = boxes = 0
    for row in rows:
        found = [each for line in recognizer.recognize_page(row.picture) for each in line]
        n += len(row.text)
        wrong += edits(row.text, [each.best for each in found])
        answers = [recognizer.recognize(picture).best for picture in row.alone]
        alone += sum(one != other for one, other in zip(row.text, answers, strict=True))
        left = [each.box for each in found]
        boxes += len(left) + len(row.boxes)
        for box in row.boxes:
            best = max(left, key=lambda other, box=box: overlap(box, other), default=None)
            if best is not None and overlap(box, best) >= 0.5:
                left.remove(best)
                hits += 1
    print(
        f"{condition:10} CER {wrong / n:6.1%}   alone {alone / n:6.1%}   box F1 "
        f"{2 * hits / boxes:.3f}   n {n:,}",
        flush=True,
    )


def several(recognizer: Recognizer, characters: Characters, n: int, seed: int) -> None:
    """Print how often one character is taken for a row, and a pair 10 % apart for one."""
    for length, condition in ((1, "clean"), (1, "slant"), (2, "clean"), (2, "slant")):
        warned = total = 0
        for row in characters.rows(n, condition, seed, (length, length)):
            if length == 2:
                height = max(bottom - top for _, top, _, bottom in row.boxes)
                if row.boxes[1][0] - row.boxes[0][2] < 0.1 * height:
                    continue
            total += 1
            warned += "several" in recognizer.recognize(row.picture).warnings
        print(f"{length} in a picture, {condition}: `several` for {warned} of {total}", flush=True)


def written(kind: str, rng) -> list[str]:
    """The characters of a row: digits, letters, a code of both as A4 or 12B, or both at random."""
    digits, letters = list(labels.DIGITS), list(labels.BALANCED[10:])
    if kind == "codes":
        parts = [rng.choice(letters, rng.integers(1, 3)), rng.choice(digits, rng.integers(1, 4))]
        return np.concatenate(parts[:: rng.choice([1, -1])]).tolist()
    known = {"digits": digits, "letters": letters}.get(kind, digits + letters)
    return rng.choice(known, rng.integers(3, 11)).tolist()


def context(recognizer: Recognizer, characters: Characters, n: int, seed: int) -> None:
    """Print what it gains and costs that rows are often of digits, or of letters, alone."""
    shares = [(0.0, 0.0), (0.02, 0.0), (0.05, 0.05), (0.1, 0.1), (0.2, 0.2), (0.3, 0.3)]
    shares += [(0.4, 0.4), (0.2, 0.4), (0.4, 0.2), (0.5, 0.4), (0.6, 0.3)]
    names = np.array(recognizer.labels)
    for kind in ("digits", "letters", "codes", "mixed"):
        wrong, sizes = [], []
        for condition in CONDITIONS:
            rng = np.random.default_rng([seed, *kind.encode(), *condition.encode()])
            for _ in range(n):
                row = characters.row(written(kind, rng), condition, rng)
                ink, _ = preprocessing.read_ink(row.picture, longest=page.LONGEST)
                found = page.lattice(recognizer, ink)
                lines = found.pieces.lines if found else []
                lines = [[found.probabilities[run] for run in found.path(line)] for line in lines]
                answers = [
                    [
                        c
                        for x in lines
                        for c in names[page.in_context(np.array(x), names, each).argmax(1)]
                    ]
                    for each in shares
                ]
                wrong.append([edits(row.text, answer) for answer in answers])
                sizes.append(len(row.text))
        wrong, total = np.array(wrong), sum(sizes)
        print(f"{kind}, {len(sizes)} rows, n {total:,}: CER {wrong[:, 0].sum() / total:.1%}")
        for each, change in zip(shares[1:], (wrong[:, 1:] - wrong[:, :1]).T, strict=True):
            half = 1.96 * change.std(ddof=1) * len(change) ** 0.5 / total
            print(f"  {each}: {100 * change.sum() / total:+.2f} points +- {100 * half:.2f}")
        print(end="", flush=True)


def speed(recognizer: Recognizer, characters: Characters, seed: int) -> None:
    """Print how long a page of 200 characters takes."""
    rng = np.random.default_rng(seed)
    rows = []
    while len(rows) < 10:
        text = rng.choice(list(labels.BALANCED), 20).tolist()
        row = characters.row(text, "clean", rng).picture
        if np.median(row) > 128:
            rows.append(row / np.median(row) * 220)
    width = max(row.shape[1] for row in rows)
    sheet = [np.pad(e, ((0, 0), (0, width - e.shape[1])), constant_values=220) for e in rows]
    sheet = np.concatenate(sheet)
    sheet = np.clip(sheet + rng.normal(0, 2, sheet.shape), 0, 255).astype(np.uint8)
    spent = []
    for _ in range(7):
        start = time.perf_counter()
        n = sum(map(len, recognizer.recognize_page(sheet)))
        spent.append(time.perf_counter() - start)
    print(f"{n} characters, {sheet.shape}: {min(spent):.2f} s, median {np.median(spent):.2f} s")


def learned(recognizer: Recognizer, characters: Characters, n: int, seed: int) -> np.ndarray:
    """The weights of `page.features` under which the right ways through `n` lines are likeliest.

    A conditional random field of segments (Sarawagi and Cohen 2004, NIPS 17), by L-BFGS.
    """
    lines = []
    for condition in CONDITIONS:
        for row in characters.rows(n, condition, seed):
            ink, _ = preprocessing.read_ink(row.picture, longest=page.LONGEST)
            found = page.lattice(recognizer, ink)
            right = None if found is None else truth(row, found)
            if right:
                runs = np.array(list(found.probabilities))
                each = [page.features(found.pieces, *r, p) for r, p in found.probabilities.items()]
                lines.append((np.array(each), runs, [tuple(r) in right for r in runs.tolist()]))
    print(f"{len(lines)} of {n * len(CONDITIONS)} lines")

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        total, slope = 1e-3 * weights @ weights, 2e-3 * weights
        for each, runs, right in lines:
            scores, n = each @ weights, runs[:, 1].max() + 1
            before, behind = np.full((2, n + 1), -np.inf)
            before[0] = behind[n] = 0
            for (first, last), score in zip(runs, scores, strict=True):
                before[last + 1] = np.logaddexp(before[last + 1], before[first] + score)
            for (first, last), score in zip(runs[::-1], scores[::-1], strict=True):
                behind[first] = np.logaddexp(behind[first], behind[last + 1] + score)
            odds = before[runs[:, 0]] + scores + behind[runs[:, 1] + 1] - before[n]
            total += (before[n] - scores[right].sum()) / len(lines)
            slope = slope + each.T @ (np.exp(odds) - right) / len(lines)
        return total, slope

    options = {"jac": True, "method": "L-BFGS-B", "options": {"maxiter": 100}}
    return minimize(loss, np.zeros(len(page.WEIGHTS)), **options).x


def truth(row: Row, found: page.Lattice) -> set[page.Run] | None:
    """The runs that are the characters of a row; None where its pieces do not show them."""
    numbers = found.pieces.numbers
    inked = (numbers > 0) & (row.owner > 0)
    counts = np.zeros((len(found.pieces.boxes), len(row.text) + 1), int)
    np.add.at(counts, (numbers[inked] - 1, row.owner[inked]), 1)
    owners = counts.argmax(axis=1)
    starts = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist(), len(owners)]
    runs = {(first, stop - 1) for first, stop in pairwise(starts)}
    right = owners[starts[:-1]].tolist() == list(range(1, len(row.text) + 1))
    return runs if right and runs <= set(found.scores) and len(found.pieces.lines) == 1 else None


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lines", type=int, default=500, help="of each condition")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--split", choices=("train", "validation"), default="validation")
    parser.add_argument("--fit", action="store_true", help="print the weights instead")
    parser.add_argument("--several", action="store_true", help="measure that warning instead")
    parser.add_argument("--context", action="store_true", help="measure a row's prior instead")
    parser.add_argument("--speed", action="store_true", help="measure a page of 200 instead")
    options = parser.parse_args()
    characters, recognizer = Characters(options.split), Recognizer.load()
    if options.fit:
        weights = learned(recognizer, characters, options.lines, options.seed)
        return print(np.round(weights, 2).tolist())
    if options.several:
        return several(recognizer, characters, options.lines, options.seed)
    if options.context:
        return context(recognizer, characters, options.lines, options.seed)
    if options.speed:
        return speed(recognizer, characters, options.seed)
    for condition in CONDITIONS:
        measure(recognizer, characters.rows(options.lines, condition, options.seed), condition)


if __name__ == "__main__":
    main()
