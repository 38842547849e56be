"""What a reader sees: colours that can be read, words, and a graph whose boxes keep apart."""

import random
import re

import pytest

from hcr.reports import exporter, graph, words

STYLE = (exporter.TEMPLATES / "style.css").read_text(encoding="utf-8")
GROUNDED = ("done", "failed", "interrupted", "running")


def colours(scheme: str) -> dict[str, str]:
    light, dark = STYLE.split("@media (prefers-color-scheme: dark)")[0:2]
    found = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", light))
    if scheme == "dark":
        found |= dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", dark.split("\n}\n")[0]))
    return found


def contrast(one: str, two: str) -> float:
    """The contrast ratio of WCAG 2."""

    def light(colour: str) -> float:
        digits = colour[1:] if len(colour) == 7 else "".join(2 * each for each in colour[1:])
        parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        parts = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((light(one), light(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read(scheme):
    found = colours(scheme)
    inks = ("ink", "quiet", "accent", "keyword", "string", "comment", "number", "name", *GROUNDED)
    pairs = [(ink, ground) for ink in inks for ground in ("paper", "raised")]
    pairs += [(each, f"{each}-ground") for each in GROUNDED] + [("quiet", "waiting-ground")]
    weak = {pair for pair in pairs if contrast(found[pair[0]], found[pair[1]]) < 4.5}
    assert weak == set()


def test_words():
    assert [words.duration(s) for s in (None, 8.14, 59.94, 61.2, 7500)] == [
        "",
        "8.1 s",
        "59.9 s",
        "1 min 1 s",
        "2 h 5 min",
    ]
    assert words.moment("2026-11-21T10:00:00+00:00") == "21 November 2026, 10:00 UTC"
    assert words.moment("soon") == "soon"
    assert [words.value(v) for v in (None, True, [1, "a"], "", 0.5)] == [
        "null",
        "true",
        "[1, a]",
        '""',
        "0.5",
    ]
    assert words.state("what")["word"] == "what"


def test_the_title_names_the_model_that_reads():
    stages = {
        "02_balance": {"parameters": {"strategy": "none"}},
        "03_train": {"parameters": {"model": "hcr_small"}},
        "04_evaluate": {"parameters": {"reader": "run"}},
        "05_draw": {"parameters": {"reader": "emnist"}},
        "06_more": {},
    }
    record = {"stages": stages}
    found = {stage: words.model(record, stage) for stage in stages}
    assert found == {
        "02_balance": "", "03_train": "hcr_small", "04_evaluate": "hcr_small",
        "05_draw": "emnist", "06_more": "hcr_small",
    }  # fmt: skip
    assert words.model(record) == "hcr_small"
    assert words.model({}) == ""
    across = {"stages": {"06_compare": {"models": ["a", "b"]}, "07_more": {"models": ["a"]}}}
    assert words.model(across, "06_compare") == "2: a, b"
    assert words.model(across, "07_more") == "a"


@pytest.mark.parametrize(
    ("count", "rows"),
    [(1, [1]), (5, [5]), (6, [3, 3]), (7, [4, 3]), (8, [4, 4]), (9, [5, 4]), (11, [4, 4, 3])],
)
def test_no_card_stands_alone(count, rows):
    abreast = words.abreast(count, 5)
    found = [min(abreast, count - at) for at in range(0, count, abreast)]
    assert found == rows


def test_edges_are_the_files_that_pass():
    stages = {
        "a": {"reads": ["the data set", "z"], "writes": ["x", "y"]},
        "b": {"reads": ["x"], "writes": ["y"]},
        "c": {"reads": ["x", "y"], "writes": ["z"]},
    }
    assert graph.edges(stages) == [
        graph.Edge("a", "b", ("x",)),
        graph.Edge("a", "c", ("x",)),
        graph.Edge("b", "c", ("y",)),
    ]


def chances(seed: int) -> dict[str, dict]:
    """Up to eight stages that read what earlier ones wrote, at random."""
    rng = random.Random(seed)
    names = [f"{at:02}_stage" for at in range(rng.randint(1, 8))]
    return {
        name: {
            "title": "A title that is rather long for its box",
            "writes": [f"{name}.npz", f"{name}.json"],
            "reads": [f"{each}.npz" for each in names[:at] if rng.random() < 0.4]
            + [f"{each}.json" for each in names[:at] if rng.random() < 0.2],
        }
        for at, name in enumerate(names)
    }


@pytest.mark.parametrize("draw", [graph.broad, graph.tall])
def test_boxes_keep_apart_and_lie_within_the_drawing(draw):
    for seed in range(40):
        drawing = draw(chances(seed))
        boxes = [(n["x"], n["y"], n["width"], n["height"]) for n in drawing.nodes]
        for at, (x, y, width, height) in enumerate(boxes):
            assert x >= 0
            assert y >= 0
            assert x + width <= drawing.width
            assert y + height <= drawing.height
            for ox, oy, other_width, other_height in boxes[:at]:
                apart = x >= ox + other_width or ox >= x + width
                assert apart or y >= oy + other_height or oy >= y + height


def test_every_edge_is_drawn_and_named_in_both_drawings():
    for seed in range(40):
        stages = chances(seed)
        links = graph.edges(stages)
        broad, tall = graph.broad(stages), graph.tall(stages)
        assert len(broad.arrows) == len(links)
        assert len(broad.labels) == sum(len(each.files) for each in links)
        told = " ".join(label["text"] for label in tall.labels)
        assert all(file in told for each in links for file in each.files)


def test_labels_of_one_arrow_lie_outside_the_boxes():
    for seed in range(40):
        drawing = graph.broad(chances(seed))
        for label in drawing.labels:
            for node in drawing.nodes:
                inside = node["x"] < label["x"] < node["x"] + node["width"]
                assert not (inside and node["y"] < label["y"] < node["y"] + node["height"])
