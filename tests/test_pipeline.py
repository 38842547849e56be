"""The runner's parts that need no kernel: stages, fingerprints, progress, the suite's table."""

import io

import pytest
import tiny_project

from hcr import pipeline, runs
from hcr.errors import ParameterError
from hcr.pipeline import STAGES, load_stages, selected
from hcr.pipeline.fingerprint import fingerprint, modules, outputs, quarantine, why
from hcr.pipeline.plan import DONE, Outcome, RunPlan
from hcr.pipeline.progress import MANY, Reporter, clock
from hcr.runs import files


def test_the_real_notebooks_pass_files_on():
    stages = load_stages()
    assert tuple(stages) == STAGES
    written: set[str] = set()
    for stage in stages.values():
        assert set(stage.reads) <= written, stage.name
        assert "metrics.json" in stage.writes
        assert stage.title.endswith("?")
        written |= set(stage.writes)
    assert "balance.npz" in stages["03_train"].reads
    assert {"model.keras", "model.tflite"} <= set(stages["03_train"].writes)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, STAGES),
        ({"only": "03_train"}, ("03_train",)),
        ({"first": "04_evaluate"}, STAGES[3:]),
        ({"last": "02_balance"}, STAGES[:2]),
        ({"first": "02_balance", "last": "03_train"}, STAGES[1:3]),
    ],
)
def test_stages_are_selected(options, expected):
    assert selected(**options) == expected


def test_an_unknown_stage_is_refused():
    with pytest.raises(ParameterError, match="Did you mean '03_train'"):
        selected(only="train_03")


def test_modules_are_followed_through_imports():
    found = modules("from hcr.recognizer import Recognizer")
    assert {"hcr.recognizer", "hcr.preprocessing.images", "hcr.runs.files", "hcr.errors"} <= set(
        found
    )
    assert not [name for name in found if "training" in name or "plots" in name]
    # A package's table names its files as text, so all of them count.
    assert "hcr.datasets.emnist" in modules("from hcr import datasets")
    assert {"hcr.models.plain", "hcr.models.augment"} <= set(modules("import hcr.models"))
    assert modules("import numpy\n%matplotlib inline\nprint('from hcr import runs')") == []


@pytest.fixture
def stage(tiny):
    return load_stages(tiny / "notebooks")["03_train"]


def test_the_fingerprint_changes_with_what_the_stage_hangs_on(tiny, stage, tmp_path):
    folder = tmp_path / "run"
    files.write_text(folder / "balance.npz", "plan")
    before = fingerprint(stage, {"epochs": 2}, folder)
    assert fingerprint(stage, {"epochs": 2}, folder) == before
    other = fingerprint(stage, {"epochs": 3}, folder)
    assert {key for key in before if before[key] != other[key]} == {"parameters"}
    files.write_text(folder / "balance.npz", "another plan")
    other = fingerprint(stage, {"epochs": 2}, folder)
    assert {key for key in before if before[key] != other[key]} == {"inputs"}
    files.write_text(folder / "balance.npz", "plan")
    tiny_project.write_notebook(tiny, "03_train", prose="Another sentence.")
    changed = load_stages(tiny / "notebooks")["03_train"]
    other = fingerprint(changed, {"epochs": 2}, folder)
    assert {key for key in before if before[key] != other[key]} == {"notebook"}


def test_a_network_of_ones_own_is_part_of_the_fingerprint(tiny, tmp_path, monkeypatch):
    more = 'model: str = "plain"  # [plain or module:function] the network\n'
    tiny_project.write_notebook(tiny, "03_train", parameters=more)
    stage = load_stages(tiny / "notebooks")["03_train"]
    monkeypatch.syspath_prepend(tmp_path)
    folder, given = tmp_path / "run", {"model": "own_network:build"}
    unknown = fingerprint(stage, given, folder)
    (tmp_path / "own_network.py").write_text("def build(n): ...")
    first = fingerprint(stage, given, folder)
    (tmp_path / "own_network.py").write_text("def build(n_classes): ...")
    assert (
        len({each["modules"] for each in (unknown, first, fingerprint(stage, given, folder))}) == 3
    )


def test_no_package_is_imported_to_take_a_fingerprint(tiny, tmp_path, monkeypatch):
    more = 'model: str = "plain"  # [plain or module:function] the network\n'
    tiny_project.write_notebook(tiny, "03_train", parameters=more + "note: str = ''  # any text\n")
    stage = load_stages(tiny / "notebooks")["03_train"]
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "mark_left").mkdir()
    package = tmp_path / "mark_left" / "__init__.py"
    package.write_text(f"open({str(tmp_path / 'mark')!r}, 'w').close()")
    (tmp_path / "mark_left" / "net.py").write_text("def build(n): ...")
    given = {"model": "mark_left.net:build", "note": "mark_left.note: see there"}
    first = fingerprint(stage, given, tmp_path / "run")
    assert not (tmp_path / "mark").exists()
    # What the package runs is part of the code, too.
    package.write_text("")
    assert fingerprint(stage, given, tmp_path / "run")["modules"] != first["modules"]


def test_why_a_stage_runs_is_told(stage, tmp_path):
    folder = tmp_path / "run"
    for file in ("model.tflite", "labels.json", "03_train.ipynb"):
        files.write_text(folder / file, "{}")
    files.write_json(folder / "metrics.json", {"01_eda": {"n": 1}, "03_train": {"n": 2}})
    now = fingerprint(stage, {}, folder)
    record = {"status": "done", "fingerprint": now, "outputs": outputs(stage, folder)}
    assert why(record, now, stage, folder) is None
    shown = {**record, "figures": [{"file": "figures/03_curves.svg"}]}
    assert why(shown, now, stage, folder) == "a figure or table that it wrote is missing"
    both = {"file": "tables/01_t.csv", "latex": "tables/01_t.tex"}
    files.write_text(folder / both["file"], "a\n")
    tabled = record | {"tables": [both]}
    assert why(tabled, now, stage, folder) == "a figure or table that it wrote is missing"
    files.write_text(folder / both["latex"], "a\n")
    assert why(tabled, now, stage, folder) is None
    files.write_text(folder / "figures" / "03_curves.svg", "<svg/>")
    assert why(shown, now, stage, folder) is None
    # Another stage's section of the same file is not this one's business.
    files.write_json(folder / "metrics.json", {"01_eda": {"n": 9}, "03_train": {"n": 2}})
    assert why(record, now, stage, folder) is None
    files.write_json(folder / "metrics.json", {"01_eda": {"n": 9}, "03_train": {"n": 3}})
    assert "changed" in why(record, now, stage, folder)
    assert why({}, now, stage, folder) == "it has not run yet"
    assert why({"status": "failed"}, now, stage, folder) == "it failed before"
    other = fingerprint(stage, {"epochs": 9}, folder)
    assert why(record, other, stage, folder) == "its parameters changed"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1:00 min"), (125, "2:05 min"), (3723, "1:02:03 h")],
)
def test_times_are_told_for_people(seconds, text):
    assert clock(seconds) == text


def told(epochs: int, line: str, caveat: str = "") -> list[str]:
    stream = io.StringIO()
    reporter = Reporter({"03_train": 12.0}, stream)
    reporter.begin("03_train", "it has not run yet", caveat)
    for epoch in range(1, epochs + 1):
        reporter.line(line.format(epoch=epoch, epochs=epochs))
    reporter.end("done in 1 s")
    return stream.getvalue().splitlines()


def test_a_log_has_a_line_an_epoch_with_the_time_left():
    lines = told(3, "epoch {epoch}/{epochs}  loss 0.5  accuracy 0.9  (10.0 s)")
    assert len(lines) == 5
    assert "about 20 s left; epoch 1/3  loss 0.5  accuracy 0.9" in lines[1]
    assert "left" not in lines[3]
    assert all(line.startswith("[1/1] 03_train: ") for line in lines)


def test_a_caveat_stands_in_every_line():
    lines = told(2, "epoch {epoch}/{epochs}  accuracy 0.9  (1.0 s)", "synthetic")
    assert all(line.startswith("[1/1] 03_train (synthetic): ") for line in lines)


def test_a_studys_trainings_are_told_like_epochs():
    lines = told(2, "training {epoch}/{epochs}  none, seed 0  val_accuracy 0.9  (10.0 s)")
    assert "about 10 s left; training 1/2  none, seed 0" in lines[1]
    assert told(1, "found 7 of 18 trainings of before")[1].endswith(
        "found 7 of 18 trainings of before"
    )


def test_a_record_that_is_put_aside_leaves_the_openings_of_the_test_split(tmp_path, capsys):
    run = runs.Run("quick", "04_evaluate", tmp_path, by_hand=False)
    run.test_opened("mnist-sample", 1000, "ab12")
    openings = runs.read(tmp_path)["test_openings"]
    for i in (1, 2):
        run.record(headline=[])
        changed = files.read_json(tmp_path / "run.json")
        changed["stages"]["04_evaluate"]["headline"] = "100 %"
        changed["test_openings"].append({"when": 5})
        files.write_json(tmp_path / "run.json", changed)
        quarantine(tmp_path)
        aside = f"run.quarantined-{i}.json"
        assert aside in capsys.readouterr().out
        assert files.read_json(tmp_path / aside) == changed
        assert runs.read(tmp_path)["test_openings"] == openings
        assert not runs.read(tmp_path).get("stages")


def test_a_log_never_has_thousands_of_lines():
    lines = told(20 * MANY, "epoch {epoch}/{epochs}  loss 0.5  accuracy 0.9  (0.0 s)")
    assert len(lines) < 20
    assert f"epoch {20 * MANY}/{20 * MANY}" in lines[-2]


def test_what_a_notebook_prints_besides_is_not_passed_on():
    assert len(told(2, "a line of {epoch} words")) == 2


PUBLISHED = {
    "01_eda": {"seed": 3},
    "02_balance": {"seed": 3, "strategy": "cap"},
    "03_train": {"seed": 3, "epochs": 2},
    "04_evaluate": {"seed": 3},
    "05_draw": {"seed": 3},
}
LATER = 'later: str = "off"  # what a notebook got after that\n'


@pytest.fixture
def published(tiny, tmp_path, monkeypatch):
    """Whether a plan with a parameter more than was recorded has a published result."""
    for name in ("03_train", "04_evaluate"):
        tiny_project.write_notebook(tiny, name, parameters=LATER)
    stages = load_stages(tiny / "notebooks")
    usual = {name: {"later": "off"} if "later" in [each.name for each in stage.parameters] else {}
             for name, stage in stages.items()}  # fmt: skip
    usual["03_train"]["pause"] = 0.0
    monkeypatch.setattr(runs, "results", lambda: tmp_path / "results")

    def found(recorded: dict, **given) -> bool:
        stages_of = {name: {"parameters": each} for name, each in recorded.items()}
        record = {"status": "done", "stages": stages_of}
        files.write_json(tmp_path / "results" / "both" / "quick-s0" / "run.json", record)
        asked = {name: usual[name] | each for name, each in PUBLISHED.items()}
        for name, values in given.items():
            asked[name.removeprefix("s")].update(values)
        plan = RunPlan("both/quick-s0", asked, stages, (), "", "params/both.yaml")
        return pipeline.published(plan) is not None

    return found


def test_a_parameter_that_came_later_leaves_a_published_result_as_it_is(published):
    # 03_train's `pause` and `later`, and 04_evaluate's `later`, are not in the record.
    assert published(PUBLISHED)
    assert published(PUBLISHED, s04_evaluate={"later": "off"})
    assert not published(PUBLISHED, s04_evaluate={"later": "on"})
    assert not published(PUBLISHED, s03_train={"pause": 1.0})


@pytest.mark.parametrize(
    "recorded",
    [
        PUBLISHED | {"03_train": {"seed": 3, "epochs": 3}},
        PUBLISHED | {"02_balance": {"seed": 3}},  # the plan's is not the default
        PUBLISHED | {"04_evaluate": {"seed": 3, "later": "on"}},
        PUBLISHED | {"04_evaluate": {"seed": 3, "gone": 1}},
        {name: each for name, each in PUBLISHED.items() if name != "05_draw"},
        PUBLISHED | {"06_more": {"seed": 3}},
        PUBLISHED | {"05_draw": None},
    ],
)
def test_what_was_recorded_otherwise_is_another_result(published, recorded):
    assert not published(recorded)


def test_the_suites_table_holds_failed_runs_too(tmp_path):
    good, bad = tmp_path / "good", tmp_path / "bad"
    files.write_json(
        good / "metrics.json",
        {"04_evaluate": {"accuracy": 0.5, "balanced_accuracy": 0.25, "n": 8}},
    )
    record = {"status": "done", "seconds": 3.5, "finished": "2026-01-02T03:04:05", "commit": "abc"}
    record["data"] = {"name": "pen-strokes", "caveat": "synthetic"}
    text = pipeline.write_summary(
        "both",
        [
            Outcome("both/good", DONE, folder=good, record=record),
            Outcome("both/bad", 1, folder=bad, problem="it failed"),
        ],
    )
    table = (tmp_path / "outputs" / "both" / "both.csv").read_text().splitlines()
    assert table[1] == "both/good,pen-strokes (synthetic),done,0.5,0.25,8,,,,3.5,2026-01-02,abc"
    assert table[2] == "both/bad,,failed,,,,,,,,,"
    assert "0.2500" in text


def test_the_suites_table_ends_in_means_and_spreads_over_seeds(tmp_path):
    def outcome(name, accuracy, status="done", seconds=3.0):
        evaluated = {"accuracy": accuracy, "balanced_accuracy": accuracy / 2, "n": 8}
        trained = {"training_seconds": 1.5, "parameters": 7, "multiply_adds": 9}
        found = {"03_train": trained, "04_evaluate": evaluated}
        files.write_json(tmp_path / name / "metrics.json", found)
        record = {"status": status, "seconds": seconds}
        return Outcome(f"both/{name}", DONE, folder=tmp_path / name, record=record)

    given = [outcome("a-s0", 0.5), outcome("a-s1", 0.7, seconds=5.0), outcome("b-s0", 0.9)]
    given += [outcome("b-s1", 0.1, status="failed"), outcome("c", 0.4), outcome("d-sum", 0.4)]
    text = pipeline.write_summary("both", given)
    table = (tmp_path / "outputs" / "both" / "both.csv").read_text().splitlines()
    assert len(table) == 1 + 6 + 2
    means, spreads = (line.split(",") for line in table[-2:])
    assert means[0] == "both/a (mean of 2 seeds)"
    assert spreads[0] == "both/a (standard deviation of 2 seeds)"
    columns = table[0].split(",")
    for key, value, spread in (
        ("accuracy", 0.6, 0.1 * 2**0.5), ("balanced_accuracy", 0.3, 0.05 * 2**0.5),
        ("training_seconds", 1.5, 0), ("seconds", 4, 2**0.5), ("n", 8, 8), ("parameters", 7, 7),
    ):  # fmt: skip
        assert float(means[columns.index(key)]) == pytest.approx(value), key
        assert float(spreads[columns.index(key)]) == pytest.approx(spread), key
    assert "both/a (mean of 2 seeds)" in text
