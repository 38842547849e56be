"""Parameters: cells, params files, the command line; what was meant, and what is refused."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
from conftest import PROJECT

from hcr.errors import ParameterError
from hcr.pipeline import notebook, parameters, specs
from hcr.pipeline.stages import load_stages

RUN = 'run: str = "lab"  # the run to write to\n'
BALANCE = RUN + (
    "seed: int = 0  # [0..] of every draw\n"
    'strategy: str = "none"  # [none|cap] how the classes are balanced\n'
)
TRAIN = RUN + (
    "seed: int = 0  # [0..] of every draw\n"
    "epochs: int = 4  # [1..1000] passes over the training split\n"
    "rate: float = 1e-3  # (0..1] of learning\n"
    "limit: int | None = None  # [1..] images\n"
    "early: bool = False  # whether to stop early\n"
    'note: str = ""  # what you like\n'
    "sizes: list[int] = [28, 56]  # [1..100] of images\n"
    "model: str = (\n"
    '    "hcr_small"  # [hcr_small|hcr_net or module:function] the network\n'
    ")\n"
    "recipe: dict = {}  # [hcr.tables.Levers] the rarer levers\n"
)
TABLES = """
from dataclasses import dataclass

MODELS = {"a": 1, "b": 2}

@dataclass(frozen=True)
class Levers:
    \"\"\"Rarer levers.\"\"\"

    smoothing: float = 0.0  # [0..1) share of each label that is spread
    keep: str = "best"  # [best|last] which epoch is kept
"""
OLD = {
    "03_train.strategy": "02_balance.strategy",
    "02_balance.smoothing": "03_train.recipe.smoothing",
    "03_train.passes": "03_train.epochs",
    "03_train.kind=plain": "",
}


@pytest.fixture(autouse=True)
def tables(monkeypatch):
    """A module of the package with a table and a class."""
    module = ModuleType("hcr.tables")
    monkeypatch.setitem(sys.modules, "hcr.tables", module)
    exec(TABLES, vars(module))


def cell(folder: Path, source: str, tags=("parameters",), copies: int = 1) -> list:
    """What is read from a notebook whose parameters cell is `source`."""
    each = {"cell_type": "code", "metadata": {"tags": list(tags)}, "source": source}
    path = folder / "nb.ipynb"
    path.write_text(json.dumps({"cells": [each] * copies, "nbformat": 4}))
    return parameters.read_cell(path)


@pytest.fixture
def stages(tmp_path, monkeypatch) -> dict:
    monkeypatch.setattr(specs, "RENAMED", OLD)
    monkeypatch.setattr(parameters.inspect, "getsource", lambda each: TABLES[TABLES.index("@") :])
    return {"02_balance": cell(tmp_path, BALANCE), "03_train": cell(tmp_path, TRAIN)}


def refused(call, *arguments, **options) -> str:
    with pytest.raises(ParameterError) as caught:
        call(*arguments, **options)
    return str(caught.value)


# The cell


def test_a_cell_is_read_with_types_rules_and_help(stages):
    found = {each.name: each for each in stages["03_train"]}
    assert list(found)[:3] == ["run", "seed", "epochs"]
    assert (found["epochs"].type, found["epochs"].range) == ("int", "[1..1000]")
    assert found["epochs"].help == "passes over the training split"
    assert (found["limit"].optional, found["limit"].default) == (True, None)
    assert (found["model"].choices, found["model"].open_choices) == (("hcr_small", "hcr_net"), True)
    assert [each.name for each in found["recipe"].fields] == ["smoothing", "keep"]


@pytest.mark.parametrize(
    ("line", "fits", "breaks"),
    [
        ("float = 0.5  # (0..1) x", 0.1, 0),
        ("float = 0.5  # [0..1) x", 0, 1),
        ("float = 0.5  # [..1) x", -1e9, float("nan")),
        ("float = -1  # [-1.5..-1e-1] x", -0.2, 0),
        ("float = 0.5  # (seconds) no rule", -3, float("inf")),
        ("int = 1  # [1..] x", 10**9, 1.0),
        ("list[str] = []  # [a|b] x", ["b", "a"], ["b", "c"]),
        ("list[float] | None = []  # [0..1] x", None, 0.5),
        ("str = 'a'  # [a|b or module:function] x", "my.module:build", "my/module:build"),
        ("str = 'a'  # [hcr.tables.MODELS] x", "b", "c"),
        ("str = '#[no]'  # x", "# y", "\ud800"),
        ("bool = True  # x", False, 0),
    ],
)
def test_a_rule_tells_what_fits(tmp_path, line, fits, breaks):
    parameter = cell(tmp_path, f"{RUN}x: {line}")[1]
    assert parameter.check(fits, "here") == fits
    assert "x must be" in refused(parameter.check, breaks, "here")


@pytest.mark.parametrize(
    "line",
    [
        "import os", "%matplotlib inline", "x = 1  # x", "x: int  # x", "x: int = 1",
        "x: int = 1  # [1..2]", "x: int = 2 + 1  # x", "x: Optional[int] = 1  # x",
        "x: int = 1.0  # x", "x: int = 0  # [1..] x", "x: str = ''  # [1..2] x",
        "x: int = 1  # [a|b] x", "x: str = 'a'  # [a|] x", "x: str = 'a'  # [a|b x",
        "x: str = 'a'  # [hcr.nowhere.TABLE] x", "x: str = 'a'  # [hcr.tables.NONE] x",
        "x: int = 1  # x\nx: int = 2  # x",
    ],
)  # fmt: skip
def test_a_cell_that_holds_anything_else_is_refused(tmp_path, line):
    text = refused(cell, tmp_path, RUN + line)
    assert "nb.ipynb" in text
    assert "\n" not in text.removesuffix(line)


def test_a_notebook_needs_one_parameters_cell_that_begins_with_run(tmp_path):
    for source in ("", "seed: int = 0  # x\n" + RUN, 'run: str = "other"  # x'):
        assert 'run: str = "lab"' in refused(cell, tmp_path, source)
    for options in ({"tags": ()}, {"copies": 2}):
        assert "one code cell" in refused(cell, tmp_path, RUN, **options)
    for content in (b"", b'{"cells": [3]}', b"\xff\xfe"):
        (tmp_path / "nb.ipynb").write_bytes(content)
        assert "nb.ipynb" in refused(parameters.read_cell, tmp_path / "nb.ipynb")


# Params files


# Each list holds the one before it ten times: ten thousand million items in a line.
LEVELS = (f"&b{i + 1} [{', '.join([f'*b{i}'] * 10)}]" for i in range(10))
BOMB = f"[&b0 [1], {', '.join(LEVELS)}]"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "mapping"), ("- run: a\n", "mapping"), ("run: a\nshared: {seed: 0\n", "line 3"),
        ("run: a\nrun: b\n", "line 2"), ("run: !!python/object:os.system x\n", "YAML"),
        ("run: 2024-13-45", "YAML"), ("run: " + "9" * 5000, "YAML"), ("run: " + "[" * 900, "YAML"),
        (b"run: \xff\xfe", "utf-8"), ("run: a\nshare: {}\n", "Did you mean 'shared'?"),
        ("run: a\n3: {}\n", "unknown key 3"), ("shared: {}\n", "null"), ("run: 3\n", "3"),
        ("run: ../a\n", "'../a'"), ("run: lab\n", "another"), (f"run: {BOMB}\n", "..."),
        ("run: a\nshared: [seed]\n", "shared"), ("run: a\nshared: {1: 2}\n", "shared"),
        ("run: a\nstages: {03_train: 4}\n", "03_train"), ("suite: a\n", "runs"),
        ("suite: a\nruns: one\n", "runs"), ("suite: a\nruns: [../one]\n", "'../one'"),
        ("suite: a\nruns: [some]\n", "suite"), ("suite: a\nruns: [oned]\n", "oned.yaml"),
        ("suite: a\nruns: [bad]\n", "bad.yaml"),
        ("suite: a\nruns: [one]\nseeds: [1, true]\n", "seeds"),
        ("suite: a\nruns: [one]\nseeds: [1, 1]\n", "seeds"),
        ("suite: a\nruns: [one]\nseeds: [1]\nshared: {seed: 2}\n", "shared.seed"),
    ],
)  # fmt: skip
def test_a_wrong_params_file_is_refused(tmp_path, text, word):
    for name, content in {"one": "run: one", "bad": ""}.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    path = tmp_path / "some.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    message = refused(specs.read_file, path)
    assert word in message
    assert "some.yaml" in message
    assert len(message) < 600


# Resolution


def spec(shared=None, stages=None) -> specs.Spec:
    return specs.Spec(Path("params/full.yaml"), "full", shared or {}, stages or {})


def test_the_command_line_wins_over_the_suite_and_that_over_the_file(stages):
    run = spec({"seed": 1}, {"03_train": {"seed": 2}})

    def seeds(*options, run=run, **more):
        got, _ = specs.resolve(run, stages, specs.parse_overrides(options), **more)
        return got["02_balance"]["seed"], got["03_train"]["seed"]

    assert seeds(run=spec()) == (0, 0)
    assert seeds() == (1, 2)
    assert seeds("shared.seed=3") == (3, 3)
    assert seeds("03_train.seed=4", "shared.seed=3") == (3, 4)
    suite = specs.Spec(Path("params/s.yaml"), "s", runs=(run,), seeds=[7])
    assert seeds(suite=suite) == (1, 2)
    assert seeds(suite=suite, seed=7) == (7, 7)
    assert seeds("shared.seed=3", suite=suite, seed=7) == (3, 3)
    got, notes = specs.resolve(spec(), stages)
    assert list(got["03_train"]) == [each.name for each in stages["03_train"][1:]]
    assert notes == []


def test_an_option_is_read_as_its_parameters_type(stages):
    options = {
        "epochs=2": 2, "rate=1": 1.0, "sizes=[1, 2]": [1, 2], "limit=null": None,
        "early=true": True, "model=a.b:c": "a.b:c", "note=a=b": "a=b", "note=0123": "0123",
        'note="0123"': "0123", "note=@[": "@[", "note=2024-01-01": "2024-01-01",
        "recipe.smoothing=0.5": {"smoothing": 0.5}, "recipe={keep: last}": {"keep": "last"},
        "recipe.keep=best": {},
    }  # fmt: skip
    for option, value in options.items():
        got, _ = specs.resolve(spec(), stages, specs.parse_overrides([f"03_train.{option}"]))
        key = option.partition("=")[0].partition(".")[0]
        assert got["03_train"][key] == value, option
        assert type(got["03_train"][key]) is type(value)


def test_an_option_without_its_form_is_refused():
    for option in ("03_train.epochs", "epochs=2", ".epochs=2", "03_train.epochs="):
        assert "-p STAGE.key=value" in refused(specs.parse_overrides, [option])
    assert "once" in refused(specs.parse_overrides, ["a.b=1", "a.b=2"])
    assert "03_train.batch_size=9" in refused(specs.parse_overrides, ["batch_size=9"])


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("03_train.epochs=0", "[1..1000]"), ("03_train.epochs=4.0", "4.0"),
        ("03_train.epochs=true", "true"), ("03_train.epochs={a: 4}", "int"),
        ("03_train.limit=no", "or null"), ("03_train.rate=.nan", "nan"),
        ("03_train.rate=0x1" + "0" * 4000, "very large"), ("03_train.early=no", "bool"),
        ("03_train.sizes=3", "list[int]"), ("03_train.sizes=[1, 101]", "101"),
        (f"03_train.sizes={BOMB}", "..."), ("03_train.sizes=[1, 2", "YAML"),
        ("03_train.note=null", "null"), ("03_train.model=hcr_smal", "Did you mean 'hcr_small'?"),
        ("03_train.epoch=3", "Did you mean 'epochs'?"), ("03_train.kind=other", "unknown"),
        ("03_train.recipe.smothing=3", "Did you mean 'recipe.smoothing'?"),
        ("03_train.recipe=0", "mapping"), ("03_train.recipe.smoothing=1", "[0..1)"),
        ("02_balance.epochs=3", "belongs to 03_train"), ("03_train.run=x", "--run"),
        ("03_trian.epochs=3", "Did you mean '03_train'?"),
        ("shared.epoch=3", "Did you mean 'epochs'?"),
    ],
)  # fmt: skip
def test_a_wrong_value_is_refused_with_its_place(stages, option, word):
    message = refused(specs.resolve, spec(), stages, specs.parse_overrides([option]))
    assert word in message
    assert f"-p {option.partition('=')[0]}" in message
    assert len(message) < 500


def test_old_names_are_taken_with_a_note(stages):
    old = {"passes": 7, "strategy": "cap", "kind": "plain"}
    got, notes = specs.resolve(spec({"smoothing": 0.25}, {"03_train": old}), stages)
    assert got["03_train"]["epochs"] == 7
    assert got["02_balance"]["strategy"] == "cap"
    assert got["03_train"]["recipe"] == {"smoothing": 0.25}
    named = [note.partition(" is ")[0].removeprefix("Note: ") for note in notes]
    assert named == ["smoothing", "passes", "strategy", "kind"]
    assert "params/full.yaml" in notes[0]


def test_a_recorded_run_is_held_against_todays_names(stages):
    today, _ = specs.resolve(spec({}, {"03_train": {"epochs": 7}}), stages)
    recorded = {"02_balance": {"seed": 0, "strategy": "none"}, "03_train": {"passes": 7}}
    assert specs.modernize(recorded, stages) == today
    assert specs.modernize({"03_train": {"passes": 8}}, stages) != today
    assert specs.modernize({"03_train": {"unknown": 8}}, stages) is None


# By hand


def by_hand(*cells: str) -> dict:
    """What the check makes of cells that were run in this order, the setup cell last."""
    names = {"In": [*cells, "out = pipeline.open()"]}
    exec("\n".join(cells), names)
    return notebook.check("03_train", names, load_stages()["03_train"].parameters)


def test_by_hand_variables_are_checked_as_the_command_line_checks_them(tiny):
    cell = f"{RUN}seed: int = 0  # [0..] x\npause: float = 1  # [0..] seconds\n"
    refusals = {
        "epochs = 'ten'": "epochs must be int, in [1..]. Received: 'ten'",
        "epochs: int = 0  # [1..] passes": "Received: 0",
        "epochs: int | None = None  # passes\nepochs = False": "int or None",
        "epohcs = 3": "unknown parameter 'epohcs' (parameters cell). Did you mean 'epochs'?",
        "epohcs: int = 3  # [1..] passes": "Did you mean 'epochs'?",
        "strategy = 'cap'\nlimit = 3": "unknown",
    }
    for line, words in refusals.items():
        assert words in refused(by_hand, cell + line), line
    expected = {"seed": 0, "pause": 1.0, "epochs": 3}
    # The cell that was run last counts, and none of another's.
    assert by_hand(f"{RUN}epohcs = 3", cell, "epochs = 3", "epohs = 4") == expected
    own = "epochs: int = 3  # passes\nmy_lever: int = 2  # mine"
    assert by_hand(cell + own) == expected | {"my_lever": 2}
    assert "run first" in refused(notebook.open_stage, "03_train", {})


# The command line


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--only", "02_balanc"], "'02_balance'"), (["--from", "05_draw", "--to", "01_eda"], "not"),
        (["--only", "01_eda", "--to", "05_draw"], "alone"), (["--run", "../x"], "'../x'"),
        (["quik"], "quick.yaml'?"), (["-p", "03_train.epoch=1"], "'epochs'"),
        (["params/quick.yaml", "params/same.yaml"], "'quick'"), (["--compare", "--force"], "alone"),
        (["params/suite.yaml", "--run", "x"], "--run"), (["params/suite.yaml"], "06_compare"),
        (["params/twice.yaml"], "'s/quick'"), (["-p", "06_compare.published=no"], "06_compare"),
        (["--nonsense"], "nonsense"), (["--compare"], "finished"),
    ],
)  # fmt: skip
def test_a_wrong_command_ends_with_2_before_anything_runs(tiny, command, arguments, word):
    (tiny / "params" / "same.yaml").write_text("run: Quick\n")
    (tiny / "params" / "suite.yaml").write_text("suite: s\nruns: [quick]\nthen: 06_compar\n")
    (tiny / "params" / "twice.yaml").write_text("suite: s\nruns: [quick, same]\n")
    done = command(*arguments)
    assert done.code == 2, done.text
    assert word in done.err
    assert not done.outputs.exists()


@pytest.mark.parametrize(
    ("option", "word"),
    [
        ("01_eda.dataset=own", "path"), ("03_train.start=emnist", "emnist"),
        ("01_eda.dataset=mnst", "'mnist'"), ("05_draw.pretrained=emnst", "'emnist'"),
        ("04_evaluate.saliency_for=ab", "a"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_the_data_ends_before_a_kernel(option, word, command, monkeypatch):
    monkeypatch.chdir(PROJECT)
    done = command("--check", "-p", option)
    assert done.code == 2, done.text
    assert word in done.err


def test_check_names_whose_code_runs_and_list_prints_every_parameter(command, monkeypatch):
    monkeypatch.chdir(PROJECT)
    done = command("--check", "-p", "03_train.model=json:loads")
    assert "json:loads: runs the code of" in done.out, done.text
    done = command("--check", "-p", "03_train.recipe.callbacks=my.own:build")
    assert (done.code, "my.own:build" in done.err) == (2, True), done.text
    listed = command("--list").out
    for stage in load_stages().values():
        assert stage.name in listed
        assert all(each.name in listed for each in stage.parameters)
    assert max(map(len, listed.splitlines())) <= 100


def test_an_old_command_names_the_new_one():
    for module, word in (("hcr.service", "hcr serve"), ("hcr.publishing", "publish.py")):
        command = [sys.executable, "-m", module, "--x"]
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True)
        assert (done.returncode, word in done.stderr) == (2, True), done.stderr
