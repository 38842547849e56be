"""Sweeps: what is run, under which names, what is refused, and that it runs and goes on."""

import pytest
import tiny_project
from conftest import start, wait_for
from made_runs import make

from hcr import runs
from hcr.errors import ParameterError
from hcr.pipeline import cli, specs, sweeps
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
    both = [{"03_train.optimizer": ["sgd"], "03_train.momentum": [0.3]}]
    both.append({"03_train.optimizer": ["adam"], "03_train.epochs": [1, 2]})
    names = ["optimizer-sgd_momentum-0.3", "optimizer-adam_epochs-1", "optimizer-adam_epochs-2"]
    assert list(points(both)) == names
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


def test_the_first_on_validation_and_the_base_get_new_seeds(tiny, tmp_path):
    (tiny / "params" / "s.yaml").write_text(
        EPOCHS + "seeds: [0, 7]\nto: 03_train\nthen: 06_compare\n"
    )
    options = cli.parser().parse_args(["params/s.yaml"])
    searched, page = cli._plans(options)[:-1], cli._plans(options)[-1]
    assert (len(searched), page.name) == (8, "s/compare")
    assert [plan.name for plan in cli._plans(options, after=True)] == ["s/compare"]

    def trained(index: int, validation: float) -> None:
        plan = searched[index]
        given = plan.parameters["03_train"]
        folder = make(plan.folder, validation=validation, seed=given["seed"], given=given)
        runs.update(
            folder,
            lambda record: record["stages"]["02_balance"]["parameters"].update(
                plan.parameters["02_balance"]
            ),
        )

    # Of one seed alone is the best score, and of two the best mean.
    for index, validation in enumerate((0.8, 0.7, 0.9, 0.7, 0.79, 0.79, 0.99)):
        trained(index, validation)
    *again, page = cli._plans(options, after=True)
    names = [f"default-s{seed}" for seed in (8, 9, 10)]
    names += [f"epochs-1_strategy-cap-s{seed}" for seed in (8, 9, 10)]
    assert [plan.name for plan in again] == [f"s-confirmed/{name}" for name in names]
    assert again[0].parameters["03_train"] == {"seed": 8, "epochs": 2, "pause": 0}
    assert again[3].parameters["02_balance"] == {"seed": 8, "strategy": "cap"}
    given = page.parameters["06_compare"]
    assert (given["names"], given["confirmed"]) == (["s"], [plan.name for plan in again])
    assert given["baseline"] == "s/epochs-2_strategy-none-s0"
    # Processes that are given an index each find the same ones, once the others have ended.
    options.run_index = "9"
    with pytest.raises(ParameterError, match="0 to 7"):
        cli._indexed(options, cli._plans(options))
    make(searched[7].folder, status="failed")
    assert cli._indexed(options, cli._plans(options)).name == again[1].name
    # Where the base is first, nothing is beside it.
    trained(4, 0.95)
    *again, page = cli._plans(options, after=True)
    assert [plan.name for plan in again] == [f"s-confirmed/{name}" for name in names[:3]]


@pytest.mark.slow
def test_stages_that_do_not_differ_run_once_and_leave_what_a_run_alone_leaves(tiny, command):
    code = "if epochs == 1 and not (out.folder / 'mended').exists():\n    1 / 0\n"
    tiny_project.write_notebook(tiny, "03_train", code + tiny_project.STAGES["03_train"][3])
    (tiny / "params" / "s.yaml").write_text(EPOCHS + "to: 03_train\n")
    done = command("params/s.yaml")
    # A run that fails fails alone.
    assert done.code == 1
    assert "2 of 4 runs failed: s/epochs-1_strategy-none, s/epochs-1_strategy-cap" in done.out
    counts = [done.out.count(f"{name}: running") for name in ("01_eda", "02_balance", "03_train")]
    assert counts == [1, 2, 4]
    (done.outputs / "s" / "epochs-1_strategy-none" / "mended").touch()
    done = command("params/s.yaml")
    assert done.out.count("running, ") == 2
    alone = ("-p", "03_train.epochs=2", "-p", "02_balance.strategy=cap", "--to", "03_train")
    assert command(*alone).code == 0
    alone, run = done.outputs / "quick", done.outputs / "s" / "epochs-2_strategy-cap"
    names = ("balance.npz", "model.tflite", "labels.json")
    assert [(run / name).read_bytes() for name in names] == [
        (alone / name).read_bytes() for name in names
    ]
    metrics = runs.read_metrics(alone)
    assert runs.read_metrics(run) == {name: metrics[name] for name in runs.read_metrics(run)}
    stages = runs.read(run)["stages"]
    makers = {name: entry.get("taken_from") for name, entry in stages.items()}
    first, second = (f"epochs-1_strategy-{name}" for name in ("none", "cap"))
    assert list(makers.values())[:3] == [first, second, None]
    assert "Tiny 01_eda" in (run / "01_eda.html").read_text()
    assert stages["04_evaluate"]["status"] == "waiting"
    # The command line's last stage wins over the file's; what stands is kept.
    done = command("params/s.yaml", "--from", "04_evaluate", "--to", "04_evaluate")
    assert done.out.count("04_evaluate: running") == 3
    assert command("params/s.yaml").out.count("kept") == 11


@pytest.mark.slow
def test_processes_wait_for_a_shared_stage_and_run_it_where_its_run_is_killed(
    tiny, command, tmp_path
):
    code = 'import time\nif run == "s/quick":\n    time.sleep(300)'
    tiny_project.write_notebook(tiny, "01_eda", code)
    (tiny / "params" / "other.yaml").write_text("run: other\n")
    for name in ("quick", "other"):
        (tiny / "params" / f"s_{name}.yaml").write_text(f"suite: s\nruns: [{name}]\n")
    only = ("--only", "01_eda")
    first = start(tmp_path / "outputs", tiny, "params/s_quick.yaml", *only)
    wait_for(first, "running")
    second = start(tmp_path / "outputs", tiny, "params/s_other.yaml", *only)
    wait_for(second, "waiting")
    first.kill()
    assert "01_eda: running" in second.stdout.read()
    assert second.wait(60) == 0
    assert "01_eda: taken from other" in command("params/s_quick.yaml", *only).out
    record = runs.read(tmp_path / "outputs" / "s" / "quick")
    assert (record["status"], record["stages"]["01_eda"]["status"]) == ("partial", "done")
