"""Sweeps: what is run, under which names, what is refused, and that it runs and goes on."""

import pytest
import tiny_project

from hcr import runs
from hcr.errors import ParameterError
from hcr.pipeline import specs, sweeps
from hcr.pipeline.stages import load_stages
from hcr.runs import check_name

SWEEP = "sweep: s\nbase: quick\n"
EPOCHS = SWEEP + "grid: {03_train.epochs: [1, 2], 02_balance.strategy: [none, cap]}\n"


def points(grid: dict, fixed: dict | None = None, **values: int) -> dict:
    return sweeps.points({"grid": grid, **values}, "quick", "s.yaml", 1, fixed or {}, False)


def test_a_grid_is_every_combination_by_the_name_of_what_varies():
    grid = {"03_train.learning_rate": [0.001, 1e6], "03_train.recipe.keep": ["best"]}
    expected = {"learning_rate": 0.001, "recipe.keep": "best"}
    assert list(points(grid)) == ["learning_rate-0.001", "learning_rate-1e06"]
    assert points(grid)["learning_rate-0.001"] == {"03_train": expected}
    assert list(points(grid, {"03_train": {"learning_rate": "1"}})) == ["quick"]
    assert list(points({"02_balance.seed": [1, 2], "03_train.seed": [3]})) == [
        "02_balance.seed-1",
        "02_balance.seed-2",
    ]
    # Models that differ in case, or by signs that no folder can have, have folders of their own.
    long = [f"my.module:{'x' * 90}{i}" for i in range(2)]
    names = list(points({"03_train.model": ["a:B", "a:b", "a/b", None, *long]}))
    assert len({name.lower() for name in names}) == 6
    assert all(check_name(f"{name}-s4294967000") for name in names)


def test_a_sample_is_drawn_by_its_seed_and_a_larger_one_holds_it():
    log = {"low": 1e-4, "high": 1e-1, "log": True}
    grid = {"03_train.learning_rate": log, "03_train.epochs": {"low": 1, "high": 900}}
    first = points(grid, sample=20)
    assert first == points(grid, sample=20)
    assert first.items() <= points(grid, sample=40).items()
    assert not first.keys() & points(grid, sample=20, sample_seed=1).keys()
    drawn = [point["03_train"] for point in first.values()]
    assert all(1e-4 <= each["learning_rate"] <= 1e-1 for each in drawn)
    assert all(type(each["epochs"]) is int and 1 <= each["epochs"] <= 900 for each in drawn)
    # By the logarithm a third is below each power of ten.
    assert 3 <= sum(each["learning_rate"] < 1e-3 for each in drawn) <= 11


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "grid"), ("grid: {}", "grid"), ("grid: {epochs: [1]}", "STAGE.key"),
        ("grid: {03_train.epochs: []}", "epochs"), ("grid: {03_train.epochs: 3}", "list"),
        ("grid: {03_train.epochs: [1, 1]}", "different"), ("grid: {03_train.epochs: [[1]]}", "int"),
        ("grid: {03_train.epochs: [1, 0]}", "Received: 0"), ("grid: {shared.x: [1]}", "'x'"),
        ("grid: {03_train.epoch: [1]}", "'epochs'"), ("grid: {03_trein.seed: [1]}", "'03_train'"),
        ("grid: {02_balance.strategy: [cup]}", "'cap'"), ("gird: {}", "'grid'"),
        ("grid: {03_train.epochs: {low: 1, high: 2}}", "sample"),
        ("sample: 3\ngrid: {03_train.pause: {low: 0, high: 1, log: true}}", "log"),
        ("sample: 0\ngrid: {03_train.epochs: [1]}", "sample"),
        ("grid: {03_train.epochs: [1]}\nto: 03_trian", "03_train"),
        ("grid: {03_train.epochs: [1]}\nstages: {03_train: {epochs: [1, 2]}}", "[1, 2]"),
        ("grid: {03_train.epochs: [1]}\nfrom: 04_evaluate\nto: 03_train", "--from"),
        ("grid: {03_train.epochs: [1]}\nthen: 06_compar", "06_compare"),
    ],
)  # fmt: skip
def test_a_wrong_sweep_ends_with_2_in_one_line_before_anything_runs(tiny, command, text, word):
    (tiny / "params" / "s.yaml").write_text(f"{SWEEP}{text}\n")
    done = command("params/s.yaml")
    assert (done.code, done.err.count("\n")) == (2, 1), done.text
    assert word in done.err
    assert not done.outputs.exists()


def test_two_sweeps_of_one_name_are_refused_and_many_runs_need_yes(tiny, command, monkeypatch):
    (tiny / "params" / "one.yaml").write_text(EPOCHS + "seeds: [0, 1]\n")
    (tiny / "params" / "two.yaml").write_text(SWEEP + "grid: {03_train.epochs: [3]}\n")
    assert "'s' twice" in command("params/one.yaml", "params/two.yaml", "--check").err
    monkeypatch.setattr(sweeps, "MOST", 7)
    done = command("params/one.yaml", "--check")
    assert (done.code, "Received: 8" in done.err) == (2, True)
    assert command("params/one.yaml", "--check", "--yes").out.count("is right") == 8


def test_what_varies_wins_over_the_sweep_and_that_over_its_base(tiny):
    text = "shared: {seed: 5}\nstages: {03_train: {epochs: 9, pause: 3}}\n"
    (tiny / "params" / "s.yaml").write_text(EPOCHS + text)
    stages = {name: stage.parameters for name, stage in load_stages().items()}
    spec = specs.read_file("params/s.yaml")
    names = [name for name, _, _ in spec.expand()]
    assert names[0] == "s/epochs-1_strategy-none"
    got, _ = specs.resolve(spec.runs[0], stages, suite=spec)
    assert got["03_train"] == {"seed": 5, "epochs": 1, "pause": 3.0}
    with pytest.raises(ParameterError, match="unknown stage"):
        specs.resolve(specs.replace(spec.runs[0], point={"3": {}}), stages, suite=spec)


@pytest.mark.slow
def test_a_run_that_fails_fails_alone_and_the_sweep_goes_on(tiny, command):
    code = "if epochs == 1 and not (out.folder / 'mended').exists():\n    1 / 0\n"
    tiny_project.write_notebook(tiny, "03_train", code + tiny_project.STAGES["03_train"][3])
    (tiny / "params" / "s.yaml").write_text(EPOCHS + "to: 03_train\n")
    again = ("params/s.yaml", "-p", "02_balance.strategy=cap")
    done = command(*again)
    assert done.code == 1
    assert "1 of 2 runs failed: s/epochs-1" in done.out
    record = runs.read(done.outputs / "s" / "epochs-2")
    assert record["stages"]["04_evaluate"]["status"] == "waiting"
    (done.outputs / "s" / "epochs-1" / "mended").touch()
    done = command(*again)
    assert done.code == 0, done.text
    assert done.out.count("running, ") == 1
    # The command line's last stage wins over the file's.
    done = command(*again, "--from", "04_evaluate", "--to", "04_evaluate")
    assert done.out.count("04_evaluate: running") == 2
