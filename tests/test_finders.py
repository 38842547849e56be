"""What is planted is told by the notebooks' own calls, and no more once its finder is taken away.

So the tests that look for these sentences (`test_reports_find.py`) can fail, one finder at a time.
"""

import ast
from typing import Any

import nbformat
import numpy as np
import pytest
from conftest import PROJECT
from dataset_files import NAME, family, made

from hcr import datasets
from hcr.datasets import Split, leaks
from hcr.reports import insights
from hcr.reports import insights_faults as faults

CHARACTERS = "0123456789"
N = 20  # pictures of a class
LEAKED = 7


def told(stage: str, call: str, **names: Any) -> str:
    """What the one call of `call` in a notebook gives, made as it stands there."""
    notebook = nbformat.read(PROJECT / "notebooks" / f"{stage}.ipynb", as_version=4)
    found = [
        node
        for cell in notebook.cells
        if cell.cell_type == "code"
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == call
    ]
    assert len(found) == 1, (stage, call)
    result = eval(ast.unparse(found[0]), {"insights": insights, "characters": CHARACTERS} | names)
    return result if isinstance(result, str) else result.to_string(max_colwidth=None)


def answers(**read: str) -> dict[str, np.ndarray]:
    """`N` pictures of each class, all read right but for `read`, as `_3="8"`."""
    true = np.repeat(np.arange(10), N)
    predicted = true.copy()
    for character, instead in read.items():
        predicted[true == int(character[1:])] = int(instead)
    return {"true": true, "predicted": predicted}


def of_a_broken_class() -> str:
    return told("04_evaluate", "insights.faults.of_classes", **answers(_3="8"))


def of_exchanged_answers() -> str:
    return told("04_evaluate", "insights.faults.of_classes", **answers(_3="8", _8="3"))


def of_exchanged_labels(stage: str) -> str:
    given = np.repeat([3, 8], 6)
    pairs = given, 11 - given, np.full(10, N)
    return told(stage, "insights.faults.of_labels", pairs=pairs)


def of_a_leak(monkeypatch, folder) -> str:
    """`origin` of data whose test pictures lie among the training pictures, too."""

    def read() -> tuple[Split, Split, Split]:
        train, validation, test = made(60, 1), made(30, 2), made(30, 3)
        both = (np.concatenate([getattr(train, each), getattr(test, each)[:LEAKED]])
                for each in ("images", "labels"))  # fmt: skip
        return Split(*both), validation, test

    family(monkeypatch, folder, read, cached=False)
    return told("01_eda", "insights.origin", data=datasets.load(NAME))


def nothing(*_: Any) -> list:
    return []


def no_words(*_: Any) -> str:
    return ""


# What is planted; what is said of it; and the finder that is taken away, with what stands for it.
PLANTED = {
    "a broken class": (of_a_broken_class, "1 of 10 classes is read far worse", "_far", nothing),
    "exchanged answers": (of_exchanged_answers, "look exchanged", "_exchanged", nothing),
    **{
        f"exchanged labels, {stage}": (
            lambda stage=stage: of_exchanged_labels(stage),
            "look whether these labels were exchanged",
            "of_labels",
            no_words,
        )
        for stage in ("01_eda", "04_evaluate")
    },
}


@pytest.mark.parametrize("planted", PLANTED)
def test_without_its_finder_nothing_is_told(planted, monkeypatch):
    say, words, finder, instead = PLANTED[planted]
    assert words in say()
    monkeypatch.setattr(faults, finder, instead)
    assert words not in say()


def test_without_the_leak_guard_no_leak_is_told(monkeypatch, tmp_path):
    (tmp_path / "source").write_text("")
    words = f"removed from train {LEAKED} pictures that are in validation (0) or test ({LEAKED})"
    assert words in of_a_leak(monkeypatch, tmp_path / "source")
    report = leaks.guard(made(3, 1), made(3, 2), made(3, 3))[3]
    assert set(report.values()) == {0}
    monkeypatch.setattr(leaks, "guard", lambda *splits: (*splits, report))
    said = of_a_leak(monkeypatch, tmp_path / "source")
    assert "removed" not in said
    assert "no picture is in two splits" in said
