"""A run among the other seeds of its recipe: which count, mean and spread, and what is said."""

import numpy as np
import pytest
from made_runs import labels, make
from scipy import stats

from hcr import runs
from hcr.evaluation import compare_siblings as siblings
from hcr.evaluation import metrics
from hcr.runs import files


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """Published runs of the test's own."""
    monkeypatch.setattr(runs, "results", lambda: tmp_path / "results")
    return tmp_path / "results"


def run(name="five/net-s0", by_hand=False) -> runs.Run:
    """The run as its notebook has it."""
    return runs.Run(name, "04_evaluate", runs.outputs() / name, by_hand)


def seeds(*wrong: int) -> list[float]:
    """Finished runs of one recipe, a seed each, with so many mistakes; their accuracies."""
    for seed, each in enumerate(wrong):
        make(runs.outputs() / "five" / f"net-s{seed}", seed=seed, wrong=each, first=seed)
    return [1 - each / len(labels()) for each in wrong]


def test_mean_and_spread_over_the_seeds():
    values = seeds(20, 31, 27)
    found = siblings.of(run())
    frame = siblings.table(found)
    assert frame["seed"].tolist() == ["0", "1", "2", "mean", "standard deviation"]
    assert frame["run"].tolist()[:4] == ["five/net-s0", "five/net-s1", "five/net-s2", ""]
    expected = [*values, np.mean(values), stats.tstd(values)]
    assert frame["accuracy"].tolist() == pytest.approx(expected)
    for at, name in enumerate(("net-s0", "net-s1", "net-s2")):
        own = files.read_json(runs.outputs() / "five" / name / "metrics.json")["04_evaluate"]
        assert frame["balanced"][at] == own["balanced_accuracy"]
    said = siblings.told(found)
    assert said.startswith("Finished so far with this recipe: the seeds 0, 1 and 2.")
    assert f"Accuracy: {metrics.percent(np.mean(values), 2)} on the average (95 %: " in said
    assert f"n = {len(labels())}, 3 seeds)" in said
    assert f"deviation of {100 * stats.tstd(values):.2f} points over the seeds" in said
    # The interval holds the mean, and is wider than the spread of the mean alone.
    figure = found.figures["accuracy"]
    assert figure.low < np.mean(values) < figure.high
    assert figure.high - figure.low > 2 * stats.sem(values)


def test_another_seed_changes_every_figure_but_the_count():
    seeds(20, 31, 27)
    first = siblings.told(siblings.of(run()))
    seeds(20, 55, 29)
    assert "seeds 0, 1 and 2" in first
    second = siblings.told(siblings.of(run()))
    for one, other in zip(first.split(": ")[2:], second.split(": ")[2:], strict=True):
        assert one != other


def test_one_seed_has_no_spread():
    seeds(20)
    assert siblings.of(run()) is None


def test_what_differs_in_more_than_the_seed_does_not_count(results):
    seeds(20)
    place = runs.outputs()
    make(place / "same-again", seed=0, wrong=25)
    make(place / "longer", seed=1, epochs=9)
    make(place / "elsewhere", seed=1, test_digest="e5" * 32)
    make(place / "others", seed=1, data={"validation_digest": "cc" * 32})
    make(place / "broken", seed=1, status="failed")
    make(place / "damaged", seed=1)
    (place / "damaged" / "predictions.npz").write_bytes(b"no answers")
    assert siblings.of(run()) is None
    # A published one counts.
    make(results / "five" / "net-s4", seed=4, wrong=40)
    assert [each.seed for each in siblings.of(run()).members] == [0, 4]


def test_a_notebook_by_hand_and_a_network_from_elsewhere_have_no_seeds():
    seeds(20, 30)
    assert siblings.of(run(by_hand=True)) is None
    folder = runs.outputs() / "five" / "net-s0"
    found = files.read_json(folder / "metrics.json")
    del found["03_train"]
    files.write_json(folder / "metrics.json", found)
    assert siblings.of(run()) is None


def test_answers_that_were_not_kept_leave_no_interval():
    seeds(20, 30)
    (runs.outputs() / "five" / "net-s1" / "predictions.npz").unlink()
    said = siblings.told(siblings.of(run()))
    assert "Accuracy: 93.75 % on the average, with a standard deviation of 1.77 points" in said
