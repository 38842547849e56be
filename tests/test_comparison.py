"""Runs side by side: gathered over seeds, ranked on validation, never across test pictures."""

import itertools
import json
import shutil

import made_runs
import nbformat
import numpy as np
import pandas as pd
import pytest
from html_page import Page
from made_runs import make

from hcr import reports, runs
from hcr.errors import ParameterError
from hcr.evaluation import compare_account as account
from hcr.evaluation import compare_frames as frames
from hcr.evaluation import compare_old as comparison
from hcr.evaluation import compare_words as words
from hcr.evaluation import metrics
from hcr.evaluation.compare_front import front
from hcr.evaluation.compare_paired import pairs
from hcr.evaluation.comparison import holm
from hcr.evaluation.seeds import spread
from hcr.runs import files


@pytest.fixture(autouse=True)
def results(tmp_path, monkeypatch):
    """Published runs of the test's own."""
    monkeypatch.setattr(runs, "results", lambda: tmp_path / "results")
    return tmp_path / "results"


@pytest.fixture
def outputs():
    return runs.outputs()


def gathered(names=None):
    members, problems = comparison.read(comparison.find(names))
    assert problems == {}
    return comparison.gather(members)


# Finding


def test_all_finished_runs_are_found_and_the_pages_across_them_are_not(outputs, results):
    make(outputs / "one")
    make(outputs / "five" / "two-s0")
    make(results / "five" / "three-s0")
    make(outputs / "broken", status="failed")
    make(outputs / "lab")
    make(outputs / "compare", kind=runs.COMPARISON)
    assert list(comparison.find()) == ["five/three-s0", "five/two-s0", "one"]
    assert list(comparison.find(published=False)) == ["five/two-s0", "one"]
    assert comparison.find(["five"])["five/three-s0"] == results / "five" / "three-s0"
    assert list(comparison.find(["one", "five"])) == ["one", "five/three-s0", "five/two-s0"]


def test_a_run_of_ones_own_comes_before_the_published_one(outputs, results):
    make(results / "five" / "two-s0")
    assert comparison.find()["five/two-s0"] == results / "five" / "two-s0"
    make(outputs / "five" / "two-s0")
    assert comparison.find()["five/two-s0"] == outputs / "five" / "two-s0"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("quik", "Received: 'quik'. Did you mean 'quick'?"),
        ("fiv", "Received: 'fiv'. Did you mean 'five'?"),
        ("half", "'half', whose status is 'interrupted'"),
        ("", "Received: ''. Known: five, five/a-s0, quick."),
        ("../outputs/quick", "must be the name of a finished run"),
    ],
)
def test_what_cannot_be_compared_is_refused(outputs, name, words):
    make(outputs / "quick")
    make(outputs / "five" / "a-s0")
    make(outputs / "half", status="interrupted")
    with pytest.raises(ParameterError) as caught:
        comparison.find(["quick", name])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


# Reading


def test_a_run_without_its_figures_is_left_out_with_the_reason(outputs):
    make(outputs / "whole")
    files.write_json(make(outputs / "bare") / "metrics.json", {"03_train": {"val_accuracy": 0.5}})
    files.write_text(make(outputs / "torn") / "predictions.npz", "PK")
    make(outputs / "mixed", wrong=30)
    shutil.copy(outputs / "whole" / "predictions.npz", outputs / "mixed")
    members, problems = comparison.read(comparison.find())
    assert [each.name for each in members] == ["whole"]
    assert "03_train.val_balanced_accuracy, 04_evaluate.accuracy" in problems["bare"]
    assert "cannot be read" in problems["torn"]
    assert "400, of which 92.5000% are right. Received: 400, of which 95.0000%" in problems["mixed"]
    told = words.scope(comparison.gather(members), problems)
    assert sum(each.startswith("Left out: ") for each in told) == 3


def test_a_run_whose_test_another_model_read_is_left_out(outputs):
    make(outputs / "own", model="a")
    folder = make(outputs / "lent", model="b", validation=0.99, wrong=1)
    record = files.read_json(folder / "run.json")
    for reader, out in (("emnist", ["own"]), ("run", ["lent", "own"])):
        record["stages"]["04_evaluate"]["parameters"]["reader"] = reader
        files.write_json(folder / "run.json", record)
        members, problems = comparison.read(comparison.find())
        assert [each.name for each in members] == out
        said = " ".join(words.scope(comparison.gather(members), problems))
        assert ("Left out: lent. " in said) == (reader != "run")
        assert ("04_evaluate read by 'emnist'" in said) == (reader != "run")


def test_a_run_knows_what_made_it(outputs):
    make(
        outputs / "five" / "net-s3", seed=3, model="hcr_net", dirty=True, openings=2,
        hardware=made_runs.MACHINE | {"amx": True, "gpu": "H200"},
    )  # fmt: skip
    ((each,), _) = comparison.read(comparison.find())
    assert each.seed == 3
    assert each.parameters["model"] == "hcr_net"
    assert each.parameters["strategy"] == "none"
    # Neither the seed, nor what only looks at the network, nor a study's.
    assert not {"seed", "map_points", "study_seeds", "reader"} & set(each.parameters)
    assert each.machine == "AMD EPYC, 2 cores, AMX, 23.5 GiB, H200"
    each.record["hardware"] |= {"amx": False, "gpu": None}
    before = each.machine
    each.record["hardware"]["bfloat16"] = True
    assert each.machine == "AMD EPYC, 2 cores, bfloat16, 23.5 GiB" != before
    assert (each.date, each.commit) == ("2026-01-02", "0123456789+")
    assert (len(each.openings), each.n, each.n_validation) == (2, 400, 500)
    assert each.latency == 0.5
    assert each.test == "d1" * 32
    shutil.rmtree(each.folder)
    other = {"name": "other", "n": 9, "dataset": "drawings", "digest": "99"}
    each = comparison.Member("x", each.folder, each.record, each.metrics)
    each.record["test_openings"].append(other)
    # Another set's opening is not this one's.
    assert (len(each.openings), each.test) == (2, "d1" * 32)
    each.record["stages"]["05_draw"]["parameters"]["reader"] = "emnist"
    assert each.latency is None


# Gathering


def test_seeds_of_one_recipe_are_gathered_into_mean_and_spread(outputs):
    wrong, validation = (20, 28, 24), (0.90, 0.94, 0.92)
    for seed in range(3):
        values = {"wrong": wrong[seed], "first": seed, "validation": validation[seed]}
        make(outputs / "five" / f"net-s{seed}", seed=seed, **values)
    make(outputs / "other", model="hcr_net", validation=0.5)
    (group,) = gathered()
    assert [each.label for each in group.recipes] == ["net", "other"]
    recipe = group.recipes[0]
    assert [each.seed for each in recipe.members] == [0, 1, 2]
    found = recipe.figures["validation"]
    assert found.value == pytest.approx(0.92)
    assert found.spread == pytest.approx(np.std(validation, ddof=1))
    assert (found.low, found.high) == (pytest.approx(0.90), pytest.approx(0.94))
    true = made_runs.labels()
    right = np.array([made_runs.answers(true, w, s) == true for s, w in enumerate(wrong)], np.int8)
    accuracy = recipe.figures["accuracy"]
    assert accuracy.value == pytest.approx(right.mean())
    shares = np.bincount(true) / len(true)
    assert (accuracy.low, accuracy.high) == spread(right, true, shares, (0, 1))[1:]
    balanced = recipe.figures["test"]
    each = [metrics.balanced_accuracy(true, np.where(r, true, -1) % 10, 10) for r in right]
    assert balanced.value == pytest.approx(np.mean(each), abs=0.01)
    assert balanced.low < balanced.value < balanced.high
    assert balanced.seeds == 3
    single = group.recipes[1].figures
    assert np.isnan(single["test"].spread)
    saved = group.recipes[1].first.metrics["04_evaluate"]
    assert single["accuracy"].low == saved["accuracy_low"] != saved["balanced_accuracy_low"]


def test_an_older_run_of_the_same_seed_does_not_count(outputs):
    make(outputs / "old", validation=0.5, finished="2026-01-01T00:00:00+00:00")
    make(outputs / "new", validation=0.9, finished="2026-01-03T00:00:00+00:00")
    (group,) = gathered()
    (recipe,) = group.recipes
    assert [each.name for each in recipe.members] == ["new"]
    assert [each.name for each in recipe.others] == ["old"]
    assert recipe.figures["validation"].value == 0.9
    # It opened the test split all the same.
    assert recipe.openings == 2
    assert "these do not: old (again new, seed 0)" in words.scope([group], {})[1]


def test_the_rank_goes_by_validation_whatever_the_test_says(outputs):
    make(outputs / "worse", model="a", validation=0.80, wrong=4, openings=3)
    make(outputs / "better", model="b", validation=0.90, wrong=40)
    (group,) = gathered()
    assert [each.label for each in group.recipes] == ["better", "worse"]
    frame = frames.ranking(group)
    assert frame["rank"].tolist() == [1, 2]
    assert frame["test opened"].tolist() == [1, 3]
    tests = [float(text.split("\N{NO-BREAK SPACE}")[0]) for text in frame["test"]]
    assert tests[0] < tests[1]
    said = words.standing(group)
    assert said.startswith("better is first on validation, with 90.0\N{NO-BREAK SPACE}%")
    assert "no other lies within that interval" in said
    assert f"worse ({tests[1]}\N{NO-BREAK SPACE}%) reads more there" in said


def test_what_lies_within_the_firsts_interval_is_named(outputs):
    make(outputs / "a", model="a", validation=0.900, wrong=10)
    make(outputs / "b", model="b", validation=0.881, wrong=12)
    make(outputs / "c", model="c", validation=0.879, wrong=14)
    said = words.standing(gathered()[0])
    assert "; b lies within that interval, so the order among them may be chance" in said
    assert "more there" not in said


def test_that_interval_does_not_hold_the_seeds_and_says_so(outputs):
    """However far the seeds lie apart on validation, the interval has the width of one of them."""
    for seed, validation in enumerate((0.80, 0.90, 0.97)):
        make(outputs / f"a-s{seed}", model="a", validation=validation, seed=seed)
    make(outputs / "b", model="b", validation=0.85)
    (group,) = gathered()
    best = group.recipes[0].figures["validation"]
    assert (best.seeds, round(best.high - best.low, 6)) == (3, 0.04)
    said = words.standing(group)
    assert "; of the pictures alone, without the spread over seeds)" in said
    make(outputs / "c", model="c", validation=0.99)
    (group,) = gathered()
    assert group.recipes[0].label == "c"
    assert "spread over seeds" not in words.standing(group)


def test_labels_are_short_and_tell_recipes_apart(outputs):
    make(outputs / "five" / "net-s0")
    make(outputs / "five" / "net-s1", seed=1)
    make(outputs / "two" / "other-s0", model="a")
    make(outputs / "three" / "other-s0", model="b")
    (group,) = gathered()
    labels = {each.label for each in group.recipes}
    assert labels == {"net", "two/other-s0", "three/other-s0"}


# Test pictures


def test_runs_on_other_test_pictures_are_never_ranked_together(outputs):
    make(outputs / "a", model="a", validation=0.9)
    make(outputs / "b", model="b", validation=0.8)
    make(outputs / "c", model="c", validation=0.7, test_digest="ee" * 32)
    groups = gathered()
    assert [[each.label for each in group.recipes] for group in groups] == [["a", "b"], ["c"]]
    (said,) = words.refusals(groups)
    assert said.startswith("Not ranked against each other: these runs were measured on 2 different")
    assert "(digest d1d1d1d1d1d1): a, b" in said
    assert "(digest eeeeeeeeeeee): c" in said
    assert words.refusals(groups[:1]) == []


def test_the_same_test_and_another_validation_is_ranked_apart_too(outputs):
    make(outputs / "a", model="a")
    make(outputs / "b", model="b", data={"validation_digest": "cc" * 32})
    groups = gathered()
    assert len(groups) == 2
    (said,) = words.refusals(groups)
    assert "chosen on other validation pictures" in said


def test_a_run_that_did_not_record_its_test_is_told_by_its_labels(outputs):
    true = made_runs.labels()
    make(outputs / "a", model="a", test_digest=None)
    make(outputs / "b", model="b", test_digest=None)
    make(outputs / "c", model="c", test_digest=None, true=true[::-1].copy())
    make(outputs / "d", model="d", test_digest=None, data={"name": "own"})
    make(outputs / "e", model="e")
    groups = gathered()
    assert {frozenset(each.label for each in group.recipes) for group in groups} == {
        frozenset("ab"), frozenset("c"), frozenset("d"), frozenset("e"),
    }  # fmt: skip
    told = words.refusals(groups)
    assert "Of a, b, " in told[-1]
    assert "the record does not say which pictures were read" in told[-1]
    assert " e " not in told[-1].split("the record")[0].replace(",", " ")


# Prices


def test_the_front_holds_what_nothing_beats():
    price = [1, 2, 3, 4, 2, np.nan, 5]
    value = [0.5, 0.7, 0.6, 0.9, 0.7, 0.99, np.nan]
    assert front(price, value).tolist() == [True, True, False, True, True, False, False]


def test_the_front_is_what_a_search_over_all_finds():
    generator = np.random.default_rng(0)
    for _ in range(30):
        price, value = generator.integers(0, 6, (2, 12))
        beaten = [
            any(
                p <= price[i] and v >= value[i] and (p < price[i] or v > value[i])
                for p, v in zip(price, value, strict=True)
            )
            for i in range(12)
        ]
        assert front(price, value).tolist() == [not each for each in beaten]


def test_times_are_compared_on_one_machine_alone(outputs):
    make(outputs / "a", model="a", validation=0.90, seconds=60, size=3)
    make(outputs / "b", model="b", validation=0.85, seconds=20, size=2)
    other = {"hardware": made_runs.OTHER}
    make(outputs / "c", model="c", validation=0.80, seconds=30, size=1, **other)
    make(outputs / "five" / "d-s0", model="d", validation=0.70, seconds=1, size=9)
    make(outputs / "five" / "d-s1", model="d", validation=0.70, seconds=1, seed=1, size=9, **other)
    (group,) = gathered()
    frame = frames.prices(group).set_index("label")
    assert frame.loc["a", "times_shortest"] == 3
    assert frame.loc["b", "times_shortest"] == 1
    # The only one on its machine, and one that was made on two.
    assert np.isnan(frame.loc[["c", "d"], "times_shortest"]).all()
    assert np.isnan(frame.loc["d", "seconds"])
    # Slower and worse than b, and yet on the front: of its own machine.
    assert frame["seconds_front"].to_dict() == {"a": True, "b": True, "c": True, "d": False}
    assert frame["parameters_front"].to_dict() == {"a": True, "b": True, "c": True, "d": False}
    shown, told = frames.machine_letters(frames.costs(frame.reset_index()))
    assert shown["machine"].tolist() == ["A", "A", "B", "several"]
    assert told == "Machines: A AMD EPYC, 2 cores, 23.5 GiB; B Xeon, 8 cores, 23.5 GiB."
    assert shown["on the front of"].iloc[3] == "\N{EN DASH}"


def test_a_time_says_which_trainings_it_leaves_out(outputs, page):
    make(outputs / "net", model="a", validation=0.90, seconds=60)
    make(outputs / "taught", model="a", validation=0.95, given={"teacher": "outputs/net,two, two"})
    make(outputs / "mine", model="a", validation=0.80, given={"start": "outputs/net"})
    groups = gathered()
    frame = frames.costs(frames.prices(groups[0]))
    assert frame["recipe"].str.replace(frames.NBSP, " ").tolist() == ["taught *", "net", "mine *"]
    html = account.costs(page, groups).html
    told = "* Without the training of what it builds on: taught on net and two; mine on net."
    # Below the figure and above the table; on the figure, too.
    assert html.count(told) >= 2
    alt = runs.read(page.folder)["stages"]["06_compare"]["figures"][0]["alt"]
    assert "taught" in alt
    assert pd.read_csv(page.path("tables/06_prices.csv"))["label"].tolist() == [
        "taught", "net", "mine",
    ]  # fmt: skip
    assert words.built_on(groups[0].recipes[1:2]) == ""
    shutil.rmtree(outputs / "taught")
    shutil.rmtree(outputs / "mine")
    make(outputs / "other", model="b")
    assert "Without" not in account.costs(page, gathered()).html


def test_what_all_runs_have_in_common_is_told_once(outputs):
    for seed in (0, 1):
        make(outputs / "five" / f"a-s{seed}", seed=seed)
    members = comparison.read(comparison.find())[0]
    frame = frames.members(members, {each.name: "a" for each in members})
    shown, told = frames.narrow(frame)
    assert shown["run"].tolist() == ["a-s0", "a-s1"]
    assert told.startswith("All of the suite five. Data: mnist-sample, n = 400.")
    make(outputs / "alone", model="b")
    members = comparison.read(comparison.find())[0]
    shown, told = frames.narrow(frames.members(members, {each.name: "a" for each in members}))
    assert "five/a-s0" in shown["run"].tolist()
    assert "suite" not in told


# Parameters, histories


def test_only_the_parameters_that_differ_are_shown(outputs):
    make(outputs / "a", model="a", validation=0.9)
    make(outputs / "b", model="b", given={"schedule": None}, epochs=5)
    make(outputs / "five" / "b-s1", model="b", given={"schedule": None}, epochs=5, seed=1)
    frame = frames.parameters(gathered()[0].recipes)
    assert list(frame) == ["recipe", "model", "epochs", "schedule"]
    assert frame.to_numpy().tolist() == [["a", "a", "3", "\N{EN DASH}"], ["b", "b", "5", "null"]]


def test_a_history_is_the_mean_of_its_seeds(outputs):
    make(outputs / "five" / "a-s0", epochs=2, validation=0.8)
    make(outputs / "five" / "a-s1", epochs=2, validation=0.9, seed=1)
    (group,) = gathered()
    frame = frames.history(group.recipes[0])
    assert frame["epoch"].tolist() == [1, 2]
    assert frame["value"].tolist() == pytest.approx([0.8, 0.85])
    assert (frame["low"].iloc[1], frame["high"].iloc[1]) == (0.8, 0.9)
    assert frame["chosen"].tolist() == [False, True]
    for each in group.recipes[0].members:
        (each.folder / "history.csv").unlink()
    (group,) = gathered()
    assert frames.history(group.recipes[0]) is None


# Paired tests


def test_each_pair_is_mcnemars_test_of_the_same_pictures(outputs):
    for name, wrong, first in (("a", 20, 0), ("b", 60, 1), ("c", 62, 1)):
        make(outputs / name, model=name, wrong=wrong, first=first, validation=1 - wrong / 100)
    (group,) = gathered()
    found = pairs(group, 12)
    assert [(each.first.label, each.second.label) for each in found] == [
        ("a", "b"), ("a", "c"), ("b", "c"),
    ]  # fmt: skip
    true = made_runs.labels()
    one, other = made_runs.answers(true, 20, 0), made_runs.answers(true, 60, 1)
    expected = metrics.comparison.mcnemar(true, one, other)
    assert found[0].test == expected
    assert found[0].difference == expected.difference == pytest.approx(0.1)
    assert found[0].p_value == pytest.approx(min(1, 3 * expected.p_value), rel=0.6)
    assert [each.told_apart for each in found] == [True, True, False]
    said = words.verdict(found)
    assert said.startswith("3 pairs, of which 2 are told apart at 5 %")
    assert "Not told apart: b and c." in said
    assert "against" not in said
    assert [each.first.label for each in pairs(group, 2)] == ["a"]


def test_a_difference_against_the_ranks_is_named(outputs):
    make(outputs / "first", model="a", validation=0.9, wrong=80)
    make(outputs / "second", model="b", validation=0.8, wrong=10)
    said = words.verdict(pairs(gathered()[0], 12))
    assert "Told apart against the order of the ranks: second over first (p <" in said


def test_with_seeds_the_test_is_of_the_same_one_and_the_difference_of_all(outputs, page):
    for seed, (one, other) in enumerate([(20, 40), (30, 44), (25, 48)]):
        make(outputs / "x" / f"a-s{seed}", model="a", seed=seed, wrong=one, validation=0.9)
        # The other lacks the first seed.
        if seed:
            make(outputs / "x" / f"b-s{seed}", model="b", seed=seed, wrong=other, validation=0.8)
    groups = gathered()
    (each,) = pairs(groups[0], 12)
    assert "the difference is of all that both have" in account.tests(page, groups).html
    assert each.seeds == (1, 1)
    assert each.test.only_second + each.test.only_first == 14
    assert each.difference == pytest.approx((14 + 23) / 2 / 400)
    assert each.low < each.difference < each.high


def test_holm_is_what_its_definition_says():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.5]) == [1.0, 1.0]
    assert holm([]) == []
    generator = np.random.default_rng(1)
    for _ in range(20):
        given = generator.random(6) ** 3
        for level in (0.01, 0.05, 0.2):
            # The definition: from the smallest on, as long as each is at most level / left.
            order, rejected = np.argsort(given), np.zeros(6, bool)
            for place, at in enumerate(order):
                if given[at] > level / (6 - place):
                    break
                rejected[at] = True
            assert (np.array(holm(given)) <= level).tolist() == rejected.tolist()


# The account


@pytest.fixture
def page(monkeypatch):
    monkeypatch.setenv(runs.RUN_VARIABLE, "compare")
    return runs.open("compare", "06_compare")


PARTS = (account.ranking, account.parameters, account.costs, account.curves, account.tests)


def shown(page, groups, problems=None) -> dict[str, str]:
    told = {"scope": account.scope(page, groups, problems or {}).html}
    told |= {each.__name__: each(page, groups).html for each in PARTS}
    return told | {"results": account.results(page, groups).html}


def test_the_page_shows_every_group_and_writes_only_its_own_folder(outputs, page):
    for name, wrong in (("a", 20), ("b", 60), ("c", 80)):
        make(outputs / name, model=name, wrong=wrong, validation=0.9 - wrong / 1000)
        other = {"test_digest": "ee" * 32, "data": {"title": "Others <b>"}}
        make(outputs / f"{name}2", model=name, wrong=wrong, validation=0.7, **other)
    make(outputs / "alone", model="z", test_digest="99" * 32)
    files.write_text(outputs / "a" / "index.html", "a page")
    before = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    groups = gathered()
    html = shown(page, groups, {"torn": "it is <torn>"})
    after = {path: path.read_bytes() for path in outputs.rglob("*") if path.is_file()}
    own = {path for path in after if path.is_relative_to(page.folder)}
    assert {path: data for path, data in after.items() if path not in own} == {
        path: data for path, data in before.items() if path not in own
    }
    assert "3 different sets of test pictures" in html["scope"]
    assert '<a href="../a/index.html">a</a>' in html["scope"]
    assert "it is &lt;torn&gt;" in html["scope"]
    assert "LeCun et al. 1998. Licence: BSD." in html["scope"]
    for name in ("ranking", "parameters", "costs", "curves", "tests"):
        assert html[name].count("<h3>") == 2, name
        assert html[name].startswith('<div class="hcr-comparison">')
        assert "Others &lt;b&gt;" in html[name]
        assert "<b>" not in html[name]
    assert "Recipes that stand alone" in html["ranking"]
    names = {path.relative_to(page.folder).as_posix() for path in own}
    for each in ("ranking", "prices", "histories", "differences"):
        assert {f"figures/06_{each}.svg", f"figures/06_{each}_2.svg"} <= names
    for each in ("ranking", "parameters", "prices", "tests"):
        assert {f"tables/06_{each}.csv", f"tables/06_{each}_2.csv"} <= names
    saved = pd.read_csv(page.path("tables/06_runs.csv"))
    assert len(saved) == 7
    assert {"machine", "date", "commit", "test opened"} <= set(saved)
    found = json.loads(page.path("metrics.json").read_text())["06_compare"]
    assert found["first"] == "a"
    assert found["groups"] == 3
    rows = [each for each in found["rankings"][0]["ranking"] if each["split"] == "test"]
    assert [each["rank"] for each in rows] == [1, 2, 3]
    headline = runs.read(page.folder)["stages"]["06_compare"]["headline"]
    assert [each["key"] for each in headline][:2] == [
        "validation_balanced_accuracy", "test_balanced_accuracy",
    ]  # fmt: skip
    assert "n = 400, 1 seed" in headline[1]["note"]


def test_the_title_block_and_the_footer_say_what_the_runs_share(outputs, page):
    """Data and licence where they are the same for all, and how many models."""
    given = {"thin": "az"}
    for place, name in enumerate("abc"):
        # The digest of a training split that was cut by chance is no other data set.
        data = {"digest": f"{place}" * 64, "changed": given, "caveat": "synthetic"}
        make(outputs / name, model=name, data=data)
    cells = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# T")])

    def text():
        account.scope(page, gathered(), {})
        shown = Page(reports.notebook_html(cells, runs.read(page.folder), "06_compare")).text
        return " ".join(shown.split())

    said = text()
    # A fact's name and what it is are next to each other.
    assert "Data5,000 digits, mnist-sample; training split cut: thin az Model3: a, b, c" in said
    assert "Data: 5,000 digits. LeCun et al. 1998 Licence: BSD." in said
    # It is in the titles of the figures, and need not stand there twice.
    assert page.caveat == ""
    lab = runs.Run("lab", "06_compare", outputs / "lab", by_hand=True)
    lab.record_data({"name": "of 01_eda"})
    account.scope(lab, gathered(), {})
    assert runs.read(lab.folder)["data"] == {"name": "of 01_eda"}
    make(outputs / "d", model="c", data={"name": "own", "title": "Mine"})
    said = text()
    assert "Data5,000" not in said
    assert "Model3: a, b, c" in said
    assert "Licence: BSD. https" not in said


@pytest.mark.parametrize("n", [0, 1])
def test_a_page_of_nothing_or_of_one_run_says_so(outputs, page, n):
    if n:
        make(outputs / "only")
    html = shown(page, gathered())
    assert ("no finished run to compare" in html["scope"]) == (n == 0)
    assert ("Recipes that stand alone" in html["ranking"]) == (n == 1)
    assert "There are no two recipes to compare." in html["tests"]


def test_what_a_run_lacks_is_left_out_and_told(outputs, page):
    for name in "ab":
        folder = make(outputs / name, model=name, validation=0.9)
        for file in ("predictions.npz", "history.csv"):
            (folder / file).unlink()
        found = files.read_json(folder / "metrics.json")
        del found["05_draw"], found["03_train"]["val_balanced_accuracy_low"]
        files.write_json(folder / "metrics.json", found)
    html = shown(page, gathered())
    assert "the answers to test, predictions.npz, are missing" in html["tests"]
    assert "no run has a history" in html["curves"]
    assert "90.0</td>" in html["ranking"]


def test_every_figure_in_the_words_comes_from_the_runs(outputs):
    """With other runs every sentence that names a figure is another one."""

    def said() -> list[str]:
        groups = gathered()
        told = [*words.scope(groups, {}), *map(words.about, groups), *map(words.standing, groups)]
        return [*told, *(words.verdict(pairs(group, 12)) for group in groups)]

    for name, wrong in (("a", 20), ("b", 60)):
        make(outputs / name, model=name, wrong=wrong, validation=0.9 - wrong / 1000)
    first = said()
    true = made_runs.labels(500)
    for name, wrong in (("a", 70), ("b", 71), ("c", 72)):
        make(outputs / name, model=name, wrong=wrong, validation=0.8, true=true, openings=3,
             test_digest="77" * 32)  # fmt: skip
    second = said()
    pairs_of = list(itertools.zip_longest(first, second))
    assert all(one != other for one, other in pairs_of if any(c.isdigit() for c in one or ""))
    assert "they opened this test split 9 times" in " ".join(second)
