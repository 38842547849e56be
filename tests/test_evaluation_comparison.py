"""Runs side by side: gathered over seeds, ranked on validation, never across test images."""

import shutil
from unittest.mock import MagicMock

import made_runs
import numpy as np
import pandas as pd
import pytest
from conftest import run_cells
from made_runs import make
from scipy import stats
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from hcr import evaluation, runs
from hcr.errors import ParameterError
from hcr.runs import files

pytestmark = pytest.mark.usefixtures("results")


@pytest.fixture
def outputs():
    return runs.outputs()


def test_finished_runs_are_found_and_ones_own_come_before_published_ones(outputs, results):
    make(outputs / "one")
    make(outputs / "five" / "two-s0")
    for name in ("two-s0", "three-s0"):
        make(results / "five" / name)
    make(outputs / "broken", status="failed")
    make(outputs / "lab", status="by hand")
    make(outputs / "trained", status="partial")
    make(outputs / "compare", kind=runs.COMPARISON)
    found = evaluation.find_runs()
    assert list(found) == ["five/three-s0", "five/two-s0", "lab", "one", "trained"]
    assert found["five/two-s0"] == outputs / "five" / "two-s0"
    assert list(evaluation.find_runs(published=False)) == list(found)[1:]
    assert list(evaluation.find_runs(["one", "five"])) == ["one", *found][:3]


@pytest.mark.parametrize(
    ("name", "word"), [("quik", "'quick'"), ("half", "half"), ("../quick", "finished")]
)
def test_what_cannot_be_compared_is_refused(outputs, name, word):
    make(outputs / "quick")
    make(outputs / "half", status="interrupted")
    with pytest.raises(ParameterError, match=word):
        evaluation.compare(["quick", name])


def test_runs_that_are_not_whole_are_left_out_with_the_reason(outputs):
    make(outputs / "whole")
    files.write_json(make(outputs / "bare") / "metrics.json", {"03_train": {"val_accuracy": 0.5}})
    torn = make(outputs / "torn") / "predictions.npz"
    torn.write_bytes(torn.read_bytes()[:300])
    (make(outputs / "none") / "predictions.npz").unlink()
    make(outputs / "mixed", wrong=30)
    shutil.copy(outputs / "whole" / "predictions.npz", outputs / "mixed")
    lent = files.read_json(make(outputs / "lent") / "run.json")
    lent["stages"]["04_evaluate"]["parameters"]["pretrained"] = "emnist"
    files.write_json(outputs / "lent" / "run.json", lent)
    make(outputs / "strange", hardware=[1])
    make(outputs / "refitted", given={"refit": "all"})
    comparison = evaluation.compare()
    assert comparison.runs["run"].tolist() == ["whole"]
    words = {"bare": "val_balanced", "torn": "predictions", "none": "predictions"}
    words |= {"mixed": "others", "lent": "emnist", "strange": "AttributeError"}
    words["refitted"] = "refit"
    assert comparison.problems.keys() == words.keys()
    assert all(word in comparison.problems[name] for name, word in words.items())


def test_runs_without_a_test_score_are_ranked_on_validation(outputs):
    make(outputs / "tested", validation=0.9)
    for name, score in (("first", 0.95), ("last", 0.8)):
        folder = make(outputs / name, validation=score, status="partial", openings=0, model=name)
        metrics = runs.read_metrics(folder)
        files.write_json(folder / "metrics.json", {"03_train": metrics["03_train"]})
    (group,) = evaluation.compare().groups
    assert group.ranking["recipe"].tolist() == ["first", "tested", "last"]
    assert group.ranking["test"].notna().tolist() == [False, True, False]
    assert (group.first["n"], len(group.pairs)) == (400, 0)
    (group,) = evaluation.compare(["first", "last"]).groups
    assert [recipe.label for recipe in group.recipes] == ["first", "last"]


def test_p_values_are_corrected_by_holms_method():
    p_values = np.random.default_rng(0).random(15) ** 4
    expected = multipletests(p_values, method="holm")[1]
    np.testing.assert_allclose(evaluation.holm(pd.Series(p_values)).sort_index(), expected)


def test_the_balanced_difference_is_that_of_the_recalls():
    labels = np.repeat([0, 1], [300, 60])
    first, second = labels.copy(), labels.copy()
    first[:30], second[300:330] = 1, 0  # the first lacks a tenth of 0, the second half of 1
    found = evaluation.balanced_difference(labels, first, second)
    assert found["balanced"] == pytest.approx((-0.1 + 0.5) / 2)
    # A stratified mean's standard error, by hand.
    half = 1.96 * np.sqrt(0.1 * 0.9 / 300 + 0.5 * 0.5 / 60) / 2
    assert found["balanced_low"] == pytest.approx(0.2 - half, abs=0.01)
    assert found["balanced_p"] < 0.001
    assert evaluation.balanced_difference(labels, first, first)["balanced_p"] == 1
    both = [{"labels": labels, "predicted": x, "characters": "ab"} for x in (first, second)]
    recipes = [MagicMock(runs=[each]) for each in both]
    space = run_cells("06_compare", "rows, (", ranked=[MagicMock(tested=recipes, recipes=recipes)])
    frame = space["classes"][0][1]
    assert frame["character"].tolist() == ["b", "a"]
    assert frame["difference"].tolist() == pytest.approx([0.5, -0.1])
    assert frame[["first", "second"]].to_numpy().ravel() == pytest.approx([1, 0.5, 0.9, 1])


def test_a_row_says_what_a_run_is(outputs):
    hardware = made_runs.MACHINE | {"amx": True, "gpu": "H200"}
    make(outputs / "five" / "net-s3", seed=3, dirty=True, openings=2, hardware=hardware)
    comparison = evaluation.compare()
    row = comparison.runs.iloc[0]
    columns = ["run", "recipe", "seed", "n", "openings"]
    assert row[columns].tolist() == ["five/net-s3", "net", 3, 400, 2]
    assert row["machine"] == "AMD EPYC, 2 cores, AMX, 23.5 GiB, H200"
    assert (row["date"], row["commit"]) == ("2026-01-02", "0123456789+")
    given = comparison.groups[0].first["given"]
    assert given["dataset"] == "mnist-sample"
    assert given["strategy"] == "none"
    # Neither seeds, nor what only looks at the model, nor a study's.
    assert not {"seed", "map_points", "study_seeds", "reader", "run"} & set(given)


def test_recipes_that_differ_in_a_rare_lever_say_which(outputs):
    for name, recipe in (("plain", {}), ("clipped", {"clipnorm": 0.5})):
        make(outputs / name, validation=len(name) / 10, given={"recipe": recipe})
    (group,) = evaluation.compare().groups
    expected = {"recipe": ["clipped", "plain"], "clipnorm": ["0.5", "–"]}
    assert group.differing.to_dict("list") == expected
    edit = {"edited": {"model": "mine"}, "before": {"02_balance": {"strategy": "cap"}}}
    runs.update(outputs / "plain", lambda record: record["stages"]["03_train"].update(edit))
    (group,) = evaluation.compare().groups
    expected |= {"strategy": ["none", "cap"], "model": ["hcr_small", "mine"]}
    assert group.differing.to_dict("list") == expected


def test_seeds_of_one_recipe_are_gathered_into_mean_spread_and_interval(outputs):
    wrong, validation = (20, 28, 24), (0.90, 0.94, 0.92)
    for seed in range(3):
        values = {"wrong": wrong[seed], "first": seed, "validation": validation[seed]}
        # An older release did not record these.
        values |= {"given": {"optimizer": "adam", "refit": None}} if seed else {}
        make(outputs / "five" / f"net-s{seed}", seed=seed, **values)
    make(outputs / "other", model="hcr_net", validation=0.5)
    (group,) = evaluation.compare().groups
    first, second = group.ranking.to_dict("records")
    assert (first["recipe"], second["recipe"]) == ("net", "other")
    assert (first["seeds"], second["seeds"]) == (3, 1)
    assert first["validation"] == pytest.approx(0.92)
    assert (first["validation_low"], first["validation_high"]) == pytest.approx((0.90, 0.94))
    labels = made_runs.labels()
    right = [made_runs.answers(labels, w, s) == labels for s, w in enumerate(wrong)]
    right, shares = np.array(right, np.int8), np.bincount(labels) / len(labels)
    assert first["accuracy"] == pytest.approx(right.mean())
    ends = evaluation.seed_interval(right, labels, shares, (0, 1))[1:]
    assert (first["accuracy_low"], first["accuracy_high"]) == ends
    assert first["test_low"] < first["test"] < first["test_high"]
    balanced = [np.nanmean(evaluation.recalls(row, labels, 10)) for row in right]
    assert first["spread"] == pytest.approx(np.std(balanced, ddof=1))
    assert np.isnan(second["spread"])
    evaluated = runs.read_metrics(outputs / "other")["04_evaluate"]
    assert second["accuracy_low"] == evaluated["accuracy_low"]
    figures = group.figures.set_index(["recipe", "split"])
    assert figures.loc[("net", "validation"), "each"] == list(validation)
    expected = {"recipe": ["net", "other"], "model": ["hcr_small", "hcr_net"]}
    assert group.differing.to_dict("list") == expected
    history = group.histories[group.histories["recipe"] == "net"]
    assert history["epoch"].tolist() == [1, 2, 3]
    assert history["value"].iloc[-1] == pytest.approx(0.92)
    assert history[["low", "high"]].iloc[-1].tolist() == [0.90, 0.94]


def test_an_older_run_of_the_same_seed_does_not_count_but_opened_the_test_split(outputs):
    make(outputs / "old", validation=0.5, finished="2026-01-01T00:00:00+00:00")
    make(outputs / "new", validation=0.9, finished="2026-01-03T00:00:00+00:00")
    comparison = evaluation.compare()
    (group,) = comparison.groups
    row = group.ranking.iloc[0]
    assert row[["validation", "openings", "seeds"]].tolist() == [0.9, 2, 1]
    assert group.pairs.empty
    assert comparison.runs.set_index("run")["counted"].to_dict() == {"new": True, "old": False}


def test_other_test_or_validation_images_make_another_group(outputs):
    make(outputs / "a", model="a")
    make(outputs / "b", model="b")
    make(outputs / "other_test", model="c", test_digest="d2" * 32)
    make(outputs / "other_validation", model="d", data={"validation_digest": "cc" * 32})
    synthetic = {"name": "x", "caveat": "synthetic"}
    make(outputs / "other_data", model="e", test_digest="d3" * 32, data=synthetic)
    # A run of before, which recorded no digest: its labels tell.
    make(outputs / "old", model="f", test_digest=None)
    make(outputs / "older", model="g", test_digest=None)
    # A model that had learned from some of the test images was measured on the others.
    make(outputs / "fewer", model="h", true=made_runs.labels(390), openings=0)
    groups = evaluation.compare().groups
    names = sorted(sorted(group.ranking["recipe"]) for group in groups)
    alone = [["other_data"], ["other_test"], ["other_validation"]]
    assert names == [["a", "b"], ["fewer"], ["old", "older"], *alone]
    assert [group.suffix for group in groups[:3]] == ["", "_2", "_3"]
    assert "5,000 digits (synthetic)" in [group.title for group in groups]


def test_differences_to_the_first_are_those_of_the_recalls_by_hand():
    """Of three a and one b, `none` predicts two a; `cap` two a and the b."""
    right = {"none": np.array([[1, 1, 0, 0]], bool), "cap": np.array([[1, 1, 0, 1]], bool)}
    labels, shares = np.array([0, 0, 0, 1]), np.array([1, 9, 0])
    measures = {"plain": shares, "balanced": np.ones(3), "b": shares == 9, "c": shares == 0}
    frame = evaluation.differences(right, labels, measures).set_index(["measure", "recipe"])
    # Recalls: 2/3 and 0; 2/3 and 1. In the training split one of ten is an a, and no c is tested.
    expected = [0.1 * 2 / 3, 0.1 * 2 / 3 + 0.9, 1 / 3, 5 / 6, 0, 1]
    assert frame["value"].tolist() == pytest.approx(expected)
    assert frame.loc[("plain", "cap"), "difference"] == pytest.approx(0.9)
    assert np.isnan(frame.loc[("plain", "none"), "difference"])
    assert frame.loc[("b", "cap"), ["n", "seeds"]].tolist() == [1, 1]


def test_names_that_two_recipes_share_are_written_out(outputs):
    make(outputs / "five" / "net-s0", model="a")
    make(outputs / "six" / "net-s0", model="b")
    make(outputs / "six" / "other-s0", model="c")
    (group,) = evaluation.compare().groups
    assert sorted(group.ranking["recipe"]) == ["five/net-s0", "other", "six/net-s0"]


def test_costs_have_a_front_for_each_machine(outputs):
    make(outputs / "a", model="a", validation=0.9, wrong=40, seconds=90, size=900, latency=3)
    make(outputs / "b", model="b", validation=0.8, seconds=50, size=950, latency=1)
    make(outputs / "c", model="c", validation=0.7, seconds=60, size=100, hardware=made_runs.OTHER)
    for seed, machine in enumerate((made_runs.MACHINE, made_runs.OTHER)):
        make(outputs / f"d-s{seed}", model="d", validation=0.6, seed=seed, hardware=machine)
    make(outputs / "e", model="e", validation=0.5, seconds=95, given={"start": "outputs/a, b"})
    frame = evaluation.compare().groups[0].ranking.set_index("recipe")
    # Validation ranks, whatever the test says: there the first is the last.
    assert list(frame.index) == list("abcde")
    assert frame["test"].idxmin() == "a"
    assert frame["seconds_front"].to_dict() == dict(zip("abcde", [1, 1, 1, 0, 0], strict=True))
    assert frame["parameters_front"].to_dict() == dict(zip("abcde", [1, 0, 1, 0, 0], strict=True))
    assert frame["latency_front"].to_dict() == dict(zip("abcde", [1, 1, 1, 0, 1], strict=True))
    # Of several machines there is no time.
    assert np.isnan(frame.at["d", "seconds"])
    assert frame.at["d", "machine"] == ""
    assert frame.at["e", "builds_on"] == "a, b"


def predictions(both, one, other, neither):
    """Labels and the predictions of two models, with so many images of each outcome."""
    labels = np.zeros(both + one + other + neither, int)
    first = np.repeat([0, 0, 1, 1], [both, one, other, neither])
    return labels, first, np.repeat([0, 1, 0, 1], [both, one, other, neither])


@pytest.mark.parametrize("counts", [(0, 5, 5, 0), (80, 0, 0, 20), (900, 40, 22, 38)])
def test_mcnemar_is_statsmodels_exact_test(counts):
    row = evaluation.mcnemar(*predictions(*counts))
    both, one, other, neither = counts
    expected = contingency_tables.mcnemar([[both, one], [other, neither]], exact=True)
    assert row["p_value"] == pytest.approx(expected.pvalue)
    n = sum(counts)
    assert (row["n"], row["only_first"], row["only_second"]) == (n, one, other)
    # Agresti and Min: half an image at either end of the scale is added to the variance.
    mean = (one - other) / n
    variance = (one + other + 1) / (n + 1) - ((one - other) / (n + 1)) ** 2
    half = stats.norm.ppf(0.975) * np.sqrt(variance / n)
    assert row["difference"] == pytest.approx(mean, abs=0.001)
    assert row["low"] < mean < row["high"]
    assert row["high"] - row["low"] == pytest.approx(2 * half, rel=0.02)


def test_recipes_are_tested_on_the_lowest_common_seed_and_differ_over_all(outputs):
    labels = made_runs.labels()
    wrong = {"a": (20, 24, 22), "b": (60, 66, 58)}
    for name, counts in wrong.items():
        for seed, count in enumerate(counts):
            values = {"wrong": count, "first": seed, "validation": 1 - count / 100}
            make(outputs / f"{name}-s{seed + 1}", model=name, seed=seed + 1, **values)
    make(outputs / "c-s2", model="c", seed=2, wrong=21, validation=0.5)
    pairs = evaluation.compare().groups[0].pairs.set_index(["first", "second"])
    right = {
        name: np.array(
            [made_runs.answers(labels, w, s) == labels for s, w in enumerate(counts)], int
        )
        for name, counts in wrong.items()
    }
    row = pairs.loc[("a", "b")]
    expected = evaluation.seed_interval(
        right["a"] - right["b"], labels, np.bincount(labels) / len(labels), (-1, 1)
    )
    assert tuple(row[["difference", "low", "high"]]) == pytest.approx(expected)
    assert (row["seeds"], row["differ"]) == ("1", True)
    assert row["only_first"] == int((right["a"][0] > right["b"][0]).sum())
    assert pairs.loc[("a", "c"), "seeds"] == "2"
    assert pairs["p_holm"].ge(pairs["p_value"]).all()
