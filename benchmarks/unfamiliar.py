"""How well a model tells what is no character: scribbles, smileys, several characters at once.

    HCR_DATA=FOLDER uv run benchmarks/unfamiliar.py [MODEL]          # measures; by default emnist
    HCR_DATA=FOLDER uv run benchmarks/unfamiliar.py MODEL --write    # writes its familiar.npz first
    HCR_DATA=FOLDER uv run benchmarks/unfamiliar.py MODEL --test     # UNIPEN's test contributors

MODEL is a key of `DATA`. What is no character is drawn by program, 300 of a kind, and becomes an
image as every drawing does; circles, bars and crosses are characters. The method and its numbers
were chosen by `CHOSEN`, with seed 1; what counts is `HELD_OUT`, with seed 2, of which nobody had
seen `sun` and `person` before. Characters are validation images and the drawings of UNIPEN's
validation contributors. docs/recognizer.md has the figures. Takes about a minute.
"""

import sys
from itertools import pairwise

import numpy as np
from scipy.interpolate import CubicSpline
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from hcr import datasets
from hcr.datasets import unipen
from hcr.preprocessing import from_strokes, labels, synthesis
from hcr.recognizer import Recognizer, familiar
from hcr.recognizer.network import BATCH

CHOSEN = ("smiley", "house", "star", "arrow", "scribble", "hatching", "dots")
HELD_OUT = ("heart", "spiral", "fish", "zigzag", "several", "sun", "person")
# What each learned from; the first also has its validation images.
DATA = {"emnist": ("emnist-subset", "unipen"), "mnist": ("mnist",)}
DATA |= dict.fromkeys(("mnist_nist_all", "mnist_nist_1000"), ("mnist+emnist-upper-local",))
METHODS = ("highest logit", "energy", "class means", "references")  # the last is kept
Strokes = list[np.ndarray]


def circle(x=0.0, y=0.0, a=1.0, b=1.0, begin=0.0, end=1.0) -> np.ndarray:
    """Of an ellipse around (x, y) the part between two shares of a turn, from the right down."""
    turn = 2 * np.pi * np.linspace(begin, end, 50)
    return np.column_stack([x + a * np.cos(turn), y + b * np.sin(turn)])


def line(*points) -> np.ndarray:
    """Straight from point to point."""
    ends = pairwise(np.array(points, float))
    return np.concatenate([np.linspace(p, q, 20) for p, q in ends])


def turned(strokes: Strokes, angle: float) -> Strokes:
    """Around the origin."""
    c, s = np.cos(angle), np.sin(angle)
    return [stroke @ np.array([[c, s], [-s, c]]) for stroke in strokes]


def shape(kind: str, rng: np.random.Generator) -> Strokes:
    """One of a kind."""
    between = rng.uniform
    match kind:
        case "house":
            w, d = between(0.7, 1.1), between(0.15, 0.3)
            walls = line((-w, 0), (-w, 1.3), (w, 1.3), (w, 0), (-w, 0))
            roof = line((-w, 0), (0, -between(0.5, 1)), (w, 0))
            door = line((-d, 1.3), (-d, 0.7), (d, 0.7), (d, 1.3))
            return [walls, roof, door][: 2 + int(rng.random() < 0.7)]
        case "star":
            turn, r = 2 * np.pi * np.arange(11) / 10, between(0.35, 0.5)
            if rng.random() < 0.5:  # in one line, through the middle
                turn, r = 4 * np.pi * np.arange(6) / 5, 1
            r = np.where(np.arange(len(turn)) % 2, r, 1)
            return [line(*np.column_stack([r * np.sin(turn), -r * np.cos(turn)]))]
        case "arrow":
            back, up = between(0.25, 0.5, 2)
            head = line((1 - back, -up), (1, 0), (1 - back, up))
            return turned([line((-1, 0), (1, 0)), head], between(0, 2 * np.pi))
        case "scribble":
            points = between(-1, 1, (int(rng.integers(8, 16)), 2))
            curve = CubicSpline(np.arange(len(points)), points)
            return [curve(np.linspace(0, len(points) - 1, 20 * len(points)))]
        case "hatching":
            lines = [line((x, -0.9), (x, 0.9)) for x in np.linspace(-1, 1, rng.integers(5, 9))]
            lines += turned(lines, np.pi / 2) if rng.random() < 0.5 else []
            return turned(lines, between(0, np.pi))
        case "dots":
            places = between(-1, 1, (int(rng.integers(5, 12)), 2))
            return [circle(*place, 0.03, 0.03) for place in places]
        case "smiley":
            x, y, eye = between(0.25, 0.45), -between(0.2, 0.45), between(0.02, 0.14)
            eyes = [circle(side * x, y, min(eye, 0.08), eye) for side in (-1, 1)]
            place = between(-0.1, 0.2), between(0.4, 0.65), between(0.3, 0.5)
            return [circle(), *eyes, circle(0, *place, 0.05, 0.45)]
        case "heart":
            t = np.linspace(0, 2 * np.pi, 60)
            y = 13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)
            return [np.column_stack([16 * np.sin(t) ** 3 * between(0.85, 1.2), -y]) / 16]
        case "spiral":
            t = np.linspace(0, 2 * np.pi * between(2.2, 4), 200)
            curve = np.column_stack([t * np.cos(t), t * np.sin(t) * rng.choice([-1, 1])])
            return turned([curve / t[-1]], between(0, 2 * np.pi))
        case "fish":
            tail, flip = between(0.25, 0.5), [rng.choice([-1, 1]), 1]
            fin = line((0.95, 0), (1.5, -tail), (1.5, tail), (0.95, 0))
            body = circle(0, 0, 1, between(0.35, 0.6)), circle(-0.55, -0.15, 0.05, 0.05)
            return [part * flip for part in (*body, fin)]
        case "zigzag":
            n = int(rng.integers(6, 11))
            y = np.where(np.arange(n) % 2, 1, -1) * between(0.2, 0.8)
            points = np.column_stack([np.linspace(-1, 1, n), y]) + rng.normal(0, 0.06, (n, 2))
            return turned([line(*points)], rng.choice([0, np.pi / 2]) + rng.normal(0, 0.3))
        case "several":
            some = rng.choice(list(labels.BYCLASS), int(rng.integers(2, 4)))
            return beside([synthesis.character(str(x), rng, form=None) for x in some], rng)
        case "sun":
            r, angles = between(0.4, 0.6), np.linspace(0, 2 * np.pi, rng.integers(7, 13))[1:]
            ray = [line((r + 0.12, 0), (1, 0))]
            return [circle(0, 0, r, r), *(turned(ray, angle)[0] for angle in angles)]
        case "person":
            arms, feet = between(-0.3, 0.3), between(0.3, 0.5)
            limbs = (
                line((-0.5, arms), (0, 0), (0.5, arms)),
                line((-feet, 1.5), (0, 0.8), (feet, 1.5)),
            )
            return [circle(0, -0.55, 0.3, 0.3), line((0, -0.25), (0, 0.8)), *limbs]


def beside(drawings: list[Strokes], rng: np.random.Generator) -> Strokes:
    """Characters of height 1 in a row, between them 0.12 to 0.3."""
    row, x = [], 0.0
    for drawing in drawings:
        points = np.concatenate(drawing)
        low, (width, height) = points.min(axis=0), np.ptp(points, axis=0)
        unit = max(height, width / 1.5)
        shift = np.array([x, 1 - height / unit])
        row += [(np.asarray(stroke) - low) / unit + shift for stroke in drawing]
        x += width / unit + rng.uniform(0.12, 0.3)
    return row


def draw(kind: str, seed: int, n: int = 300) -> list[Strokes]:
    """`n` of a kind: turned, slanted and stretched a little, with waves, no stroke in its place."""
    drawn = []
    for rng in np.random.default_rng([seed, *kind.encode()]).spawn(n):
        strokes, change = shape(kind, rng), np.eye(2) + rng.normal(0, 0.1, (2, 2))
        drawn.append([])
        for stroke in turned(strokes, rng.normal(0, 0.08)):
            t, wave = 2 * np.pi * np.linspace(0, 1, len(stroke))[:, None], rng.normal(0, 0.03, 2)
            for f in (0.5, 1, 2, 3):
                wave = wave + rng.normal(0, 0.03 / f, 2) * np.sin(f * t + rng.uniform(0, 6, 2))
            drawn[-1].append(stroke @ change + wave)
    return drawn


def seen(model: Recognizer, images: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The features, (n, d), and logits, (n, classes): of a pair of networks their mean."""
    batches = np.resize(images, (-(-len(images) // BATCH), BATCH, 28, 28))
    features, logits = [], []
    for batch in batches:
        features.append(model.features(batch))
        engine = model._network._interpreters[False, True]  # that has kept the tensors
        steps = engine._interpreter._get_ops_details()
        steps = [x for x in steps if x["op_name"] == "FULLY_CONNECTED"]
        ends = [x["outputs"][0] for x in steps if x["inputs"][0] in engine._kept]
        logits.append(np.mean([engine._interpreter.get_tensor(end) for end in ends], axis=0))
    return tuple(np.concatenate(parts)[: len(images)] for parts in (features, logits))


def main(name: str = "emnist", *flags: str) -> None:
    """Write and measure."""
    model = Recognizer.load(name)
    sets = [load(each) for each in DATA[name]]
    _, drawings, people = characters(model, unipen.VALIDATION)
    images = {"images": sets[0].validation.images, "drawings": rendered(drawings, model)}
    # As many drawings as images of each class.
    n = familiar.EACH // len(sets)
    learned = zip(*(some(each.train, n) for each in sets), strict=True)
    learned = [np.concatenate(parts) for parts in learned]
    if "--write" in flags:
        familiar.write(model.path, *learned, images)
        model = Recognizer.load(name)
    # A mean direction for each class, to compare with.
    features, true = unit(model.features(learned[0])), learned[1]
    means = unit(np.stack([features[true == c].mean(axis=0) for c in np.unique(true)]))

    def methods(images: np.ndarray) -> np.ndarray:
        """How familiar images are, a row a method."""
        features, logits = seen(model, images)
        near = (unit(features) @ means.T).max(axis=1)
        far = model._familiar.distances(logits, features)
        return np.stack([logits.max(axis=1), logsumexp(logits, axis=1), near, -far])

    kinds = [*CHOSEN, *HELD_OUT]
    drawn = {x: draw(x, 1 + (x in HELD_OUT)) for x in kinds}
    others = {x: methods(rendered(drawn[x], model)) for x in kinds}
    pieces = {x: [familiar.pieces(each) > familiar.PIECES for each in drawn[x]] for x in kinds}
    for source, those in images.items():
        true, held = methods(those), slice(len(CHOSEN), None)
        print(f"\n{source}, n = {len(those):,}: area under the ROC, and share caught at 98 %")
        print(f"{'':14}", *(f"{kind[:8]:>9}" for kind in kinds), "  CHOSEN HELD_OUT")
        for method, good, *bad in zip(METHODS, true, *others.values(), strict=True):
            least = np.quantile(good, 1 - familiar.ACCEPTED, method="lower")
            truth = np.repeat([1, 0], [len(good), len(bad[0])])
            areas = [roc_auc_score(truth, np.concatenate([good, each])) for each in bad]
            caught = [(each < least).mean() for each in bad]
            rows = [(method, areas, ".3f"), ("", caught, ".0%")]
            if method == METHODS[-1] and source == "drawings":
                pairs = zip(bad, pieces.values(), strict=True)
                also = [((each < least) | many).mean() for each, many in pairs]
                rows.append(("or pieces", also, ".0%"))
            for title, row, form in rows:
                row = [*row, np.mean(row[: len(CHOSEN)]), np.mean(row[held])]
                print(f"{title:14}", *(f"{value:>9{form}}" for value in row))
    print("\nthresholds", model._familiar[3:])
    accepted("validation", model, drawings, people)
    rng = np.random.default_rng(2)
    pairs = [rng.choice(np.flatnonzero(people == rng.choice(people)), 2) for _ in range(2000)]
    hits = [familiar.falls_apart(beside([drawings[i] for i in pair], rng)) for pair in pairs]
    print(f"Two characters? asked of {np.mean(hits):.1%} of 2,000 pairs")
    if "--test" in flags:
        accepted("test", model, *characters(model, unipen.TEST)[1:])


def accepted(split: str, model: Recognizer, drawings: list[Strokes], people: np.ndarray) -> None:
    """Print what is said of characters, by contributor."""
    given = model._network.with_features(rendered(drawings, model))
    far = model._familiar.distances(*given)
    few = np.array([familiar.pieces(each) <= familiar.PIECES for each in drawings])
    good = (far <= model._familiar.drawings) & few
    apart = sum(map(familiar.falls_apart, drawings))
    for who in np.unique(people):
        n, share = (people == who).sum(), good[people == who].mean()
        print(f"{split} {who}: n = {n:,}, accepted {share:.1%}")
    print(f"{split}, all {len(good):,}: accepted {good.mean():.1%}, asked of {apart}")
    print(f"{split}: {(~few).sum()} fall into more than {familiar.PIECES} pieces")


def load(name: str) -> datasets.Dataset:
    """As the model saw it."""
    return datasets.load(name, framing="emnist" if "+emnist-upper" in name else "original")


def some(split: datasets.Split, n: int) -> tuple[np.ndarray, np.ndarray]:
    """`n` images of each class, with labels."""
    order = np.random.default_rng(0).permutation(len(split))
    chosen = [order[split.labels[order] == c][:n] for c in np.unique(split.labels)]
    return split.images[np.concatenate(chosen)], split.labels[np.concatenate(chosen)]


def characters(model: Recognizer, who) -> tuple[np.ndarray, list[Strokes], np.ndarray]:
    """Those that the model knows of UNIPEN's contributors: characters, drawings, contributors."""
    drawings, drawn, people = unipen.drawings_of(who)
    chosen = [i for i, x in enumerate(drawn) if {str(x), labels.merge(str(x))} & {*model.labels}]
    return drawn[chosen], [drawings[i] for i in chosen], people[chosen]


def rendered(drawings: list[Strokes], model: Recognizer) -> np.ndarray:
    """As images, framed as the model's."""
    return np.stack([from_strokes(each, model.framing) for each in drawings])


def unit(features: np.ndarray) -> np.ndarray:
    """Of length 1."""
    return features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-9)


if __name__ == "__main__":
    main(*sys.argv[1:])
