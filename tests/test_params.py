"""Parameters cells, params files and overrides: what is read, and what is refused and how."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hcr.errors import ParameterError
from hcr.pipeline import params
from hcr.pipeline.params import RunSpec, SuiteSpec

RUN = 'run: str = "lab"  # the run to write to\n'
TRAIN = (
    RUN
    + """\
seed: int = 0  # [0..] where randomness starts
model: str = "hcr_small"  # [hcr.models.MODELS or module:function] network
epochs: int = 4  # [1..1000] passes over the training split
rate: float = 1e-3  # (0..1] learning rate
limit: int | None = None  # [1..] at most this many training pictures
early: bool = True  # stop early
sizes: list[int] = [28, 56]  # [1..100] sides in pixels
note: str = ""  # a free text
"""
)
BALANCE = (
    RUN
    + """\
seed: int = 0  # [0..] where randomness starts
strategy: str = "none"  # [hcr.datasets.balancing.STRATEGIES] how to balance
kind: str | None = "a"  # [a|b|c] a kind
"""
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project with tables that cannot be imported, only read."""
    (tmp_path / "hcr" / "models").mkdir(parents=True)
    (tmp_path / "hcr" / "models" / "__init__.py").write_text(
        "raise RuntimeError('imported')\n"
        "MODELS: dict = {'hcr_small': small.build, 'hcr_net': lambda: 1}\n"
        "CALLED = dict(a=1)\nEMPTY = ()\nMIXED = {'a': 1, 2: 3}\n"
    )
    (tmp_path / "hcr" / "balance.py").write_text(
        "import no_such_thing\nif x:\n    STRATEGIES = 1\n"
        "STRATEGIES = ('none', 'weights', 'oversample')\n"
    )
    (tmp_path / "hcr" / "broken.py").write_text("def\n")
    return tmp_path


def write(folder: Path, source: str, name: str = "nb.ipynb", tags=("parameters",), copies=1):
    """A notebook whose second cell holds `source`, as JupyterLab saves it."""
    cell = {
        "cell_type": "code",
        "metadata": {"tags": list(tags)},
        "source": source.splitlines(keepends=True),
        "outputs": [],
        "execution_count": None,
    }
    title = {"cell_type": "markdown", "metadata": {"tags": ["parameters"]}, "source": "# Title"}
    notebook = {"cells": [title, *[cell] * copies], "metadata": {}, "nbformat": 4}
    path = folder / name
    path.write_text(json.dumps(notebook | {"nbformat_minor": 5}), encoding="utf-8")
    return path


def cell(root: Path, source: str) -> dict[str, params.Parameter]:
    return {each.name: each for each in params.read_cell(write(root, source), root)}


def refusal(call, *args, **kwargs) -> str:
    with pytest.raises(ParameterError) as caught:
        call(*args, **kwargs)
    return str(caught.value)


@pytest.fixture
def stages(root: Path) -> dict[str, list[params.Parameter]]:
    return {
        "02_balance": params.read_cell(write(root, BALANCE), root),
        "03_train": params.read_cell(write(root, TRAIN), root),
    }


# The cell ----------------------------------------------------------------------------------------


def test_a_cell_is_read_with_types_rules_and_help(root):
    found = cell(root, TRAIN)
    assert list(found) == [line.partition(":")[0] for line in TRAIN.splitlines()]
    epochs = found["epochs"]
    assert (epochs.type, epochs.optional, epochs.default) == ("int", False, 4)
    assert (epochs.minimum, epochs.maximum) == (1, 1000)
    assert epochs.help == "passes over the training split"
    assert epochs.choices is None
    rate = found["rate"]
    assert (rate.minimum, rate.above, rate.maximum, rate.below) == (0, True, 1, False)
    assert rate.default == 1e-3
    assert (found["limit"].optional, found["limit"].default) == (True, None)
    assert (found["limit"].minimum, found["limit"].maximum) == (1, None)
    assert (found["sizes"].type, found["sizes"].default) == ("list[int]", [28, 56])
    assert found["model"].choices == ("hcr_small", "hcr_net")
    assert found["model"].open_choices
    assert found["run"].help == "the run to write to"
    hash(found["sizes"])


def test_tables_come_from_a_module_or_a_package_without_importing(root):
    found = cell(root, BALANCE)
    assert found["strategy"].choices == ("none", "weights", "oversample")
    assert not found["strategy"].open_choices
    assert found["kind"].choices == ("a", "b", "c")


@pytest.mark.parametrize(
    ("line", "value", "fits"),
    [
        ("x: float = 0.5  # [0..1] x", 0, True),
        ("x: float = 0.5  # [0..1] x", 1.0001, False),
        ("x: float = 0.5  # (0..1) x", 0, False),
        ("x: float = 0.5  # (0..1) x", 1, False),
        ("x: float = 0.5  # [0..1) x", 0, True),
        ("x: float = 0.5  # [..1) x", -1e9, True),
        ("x: float = -1  # [-1.5..-1e-1] x", -0.2, True),
        ("x: float = 0.5  # (seconds) no rule", -3, True),
        ("x: int = 28  # [28|56] x", 56, True),
        ("x: int = 28  # [28|56] x", 57, False),
        ("x: float = 1  # [1|2.5] x", 2.5, True),
        ("x: list[str] = []  # [a|b] x", ["b", "a"], True),
        ("x: list[str] = []  # [a|b] x", ["b", "c"], False),
        ("x: list[float] = []  # [0..1] x", [0, 0.5], True),
        ("x: list[float] | None = []  # [0..1] x", None, True),
        ('x: str = "a"  # [a|b or module:function] x', "my.module:build", True),
        ('x: str = "a"  # [a|b or module:function] x', "my.module.build", False),
        ('x: str = "a"  # [a|b or module:function] x', "my/module:build", False),
        ('x: str = "a"  # [a|b] x', "my.module:build", False),
        ('x: str = "#[no]"  # x', "# y", True),
    ],
)
def test_rules(root, line, value, fits):
    _, problem = cell(root, RUN + line)["x"].check(value)
    assert (problem is None) == fits


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("import os", "name: type = literal"),
        ("%matplotlib inline", "not Python"),
        ("x = 1  # x", "name: type = literal"),
        ("x: int  # x", "name: type = literal"),
        ("(x): int = 1  # x", "name: type = literal"),
        ("x.y: int = 1  # x", "name: type = literal"),
        ("x: int = 1", "help text"),
        ("x: int = 1  # [1..2]", "help text"),
        ("x: int = 1  #", "help text"),
        ("x: int = 2 + 1  # x", "literal"),
        ("x: int = y  # x", "literal"),
        ('x: str = f"{1}"  # x', "literal"),
        ("x: dict = {}  # x", "int, float, str, bool"),
        ("x: Optional[int] = 1  # x", "int, float, str, bool"),
        ("x: int | str = 1  # x", "int, float, str, bool"),
        ("x: list[dict] = []  # x", "int, float, str, bool"),
        ("x: list = []  # x", "int, float, str, bool"),
        ("x: int = 1.0  # x", "must be an integer. Received: 1.0"),
        ("x: int = True  # x", "must be an integer. Received: true"),
        ("x: int = None  # x", "must be an integer. Received: null"),
        ("x: list[int] = (1, 2)  # x", "must be a list of integers"),
        ("x: int = 0  # [1..] x", "must be an integer of at least 1. Received: 0 (its default)"),
        ("x: int = 1  # [2..1] x", "low to high"),
        ("x: int = 1  # [..] x", "needs a bound"),
        ("x: int = 1  # [0.5..] x", "must be of the type int"),
        ("x: str = ''  # [1..2] x", "type of number"),
        ("x: bool = True  # [0..1] x", "type of number"),
        ("x: bool = True  # [true|false] x", "must be of the type bool"),
        ("x: int = 1  # [a|b] x", "must be of the type int"),
        ("x: str = 'a'  # [a|a] x", "must differ"),
        ("x: str = 'a'  # [a|] x", "must be of the type str"),
        ("x: str = 'a'  # [a] x", "must be a range"),
        ("x: str = 'a'  # [a|b x", "not closed"),
        ("x: int = 1  # [1|2 or module:function] x", "Only a str"),
        ("x: str = 'a'  # [hcr.nowhere.TABLE] x", "no hcr.nowhere"),
        ("x: str = 'a'  # [hcr.models.MODEL] x", "Did you mean 'MODELS'?"),
        ("x: str = 'a'  # [hcr.models.CALLED] x", "literal names"),
        ("x: str = 'a'  # [hcr.models.EMPTY] x", "literal names"),
        ("x: str = 'a'  # [hcr.models.MIXED] x", "must be of the type str"),
        ("x: str = 'a'  # [hcr.broken.TABLE] x", "cannot be read"),
        ("x: str = 'hcr_smal'  # [hcr.models.MODELS] x", "Did you mean 'hcr_small'?"),
        ("# a comment of its own", "behind its parameter"),
        ("x: int = 1; y: int = 2  # both", "not two"),
        ("seed: int = 1  # x\nseed: int = 2  # x", "declared twice"),
        ("run: str = 'lab'  # x", "declared twice"),
        ("x: str = (  # x\n  'a')", "one line"),
        ("x: str = '''a\nb'''  # x", "one line"),
        ("x: int = 1  # x\n  y: int = 2  # x", "not Python"),
        ("x: str = 'a", "not Python"),
    ],
)
def test_a_cell_that_holds_anything_else_is_refused(root, line, words):
    text = refusal(cell, root, RUN + line)
    assert words in text
    assert "nb.ipynb, parameters cell, line " in text
    assert "\n" not in text


def test_the_line_is_the_cell_s(root):
    text = refusal(cell, root, RUN + "\nx: int = 1  # fine\nimport os\n")
    assert "line 4:" in text
    assert text.endswith("The line is: import os")


@pytest.mark.parametrize(
    "source",
    [
        "",
        "\n",
        "seed: int = 0  # x\n" + RUN,
        'run: str = "other"  # x',
        'run: str | None = "lab"  # x',
    ],
)
def test_run_comes_first(root, source):
    assert 'run: str = "lab"' in refusal(cell, root, source)


def test_a_notebook_needs_one_parameters_cell(root):
    read = params.read_cell
    assert "has none" in refusal(read, write(root, RUN, tags=()), root)
    assert "has none" in refusal(read, write(root, RUN, tags=["injected-parameters"]), root)
    text = refusal(read, write(root, RUN, copies=2), root)
    assert "has 2" in text
    assert "nb.ipynb" in text


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"{}",
        b'{"cells": 3, "nbformat": 4}',
        b'{"cells": [], "nbformat": 3}',
        b'{"cells": [3, null, {"metadata": null}, {"metadata": {"tags": 4}}], "nbformat": 4}',
        b"\xff\xfe\x00",
        b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_notebook_is_refused(tmp_path, content):
    path = tmp_path / "nb.ipynb"
    path.write_bytes(content)
    assert "nb.ipynb" in refusal(params.read_cell, path)
    assert "doesn't exist" in refusal(params.read_cell, tmp_path / "other.ipynb")
    assert "cannot be read" in refusal(params.read_cell, tmp_path)


# Params files ------------------------------------------------------------------------------------


def yaml(folder: Path, text: str | bytes, name: str = "some.yaml") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_run_file_is_read(tmp_path):
    path = yaml(
        tmp_path,
        "\ufeffrun: quick\nshared: {seed: 0, dataset: mnist-sample}\n"
        "stages:\n  01_eda:\n  03_train: {rate: 1e-3, name: no, n: 010, x: ~}\n",
    )
    spec = params.read_file(path)
    assert spec == RunSpec(
        path,
        "quick",
        {"seed": 0, "dataset": "mnist-sample"},
        {"01_eda": {}, "03_train": {"rate": 0.001, "name": "no", "n": 10, "x": None}},
    )
    assert params.read_file(yaml(tmp_path, "run: a\nshared:\nstages:\n")).shared == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("---\n", "is empty"),
        ("- run: a\n", "must be a mapping"),
        ("hello", "must be a mapping"),
        ("3", "must be a mapping"),
        ("2024-01-01", "must be a mapping"),
        ("run: a\nshared: {seed: 0\n", "line 3: this is not valid YAML"),
        ("run: a\nshared:\n\tseed: 0\n", "line 3: this is not valid YAML"),
        ("run: a\nshared: {seed: 0, seed: 1}\n", "line 2: this is not valid YAML: while constr"),
        ("run: a\nrun: b\n", "line 2: this is not valid YAML"),
        ("run: a\nshared: *x\n", "undefined alias"),
        ("run: a\n---\nrun: b\n", "another document"),
        ("run: !!python/object:os.system x\n", "not valid YAML"),
        ("run: a\nshared: {? {b: 1} : 2}\n", "unhashable"),
        ("run: a\n\x01", "line 2: this is not valid YAML: it holds a control character"),
        ("run: 2024-13-45", "a value cannot be read"),
        ("run: !!bool 3", "a value cannot be read"),
        ("run: " + "9" * 5000, "a value cannot be read"),
        ("run: " + "[" * 3000, "nested too deeply"),
        (b"run: \xff\xfe", "must be UTF-8"),
        ("run: a\nshare: {}\n", "unknown key 'share'. Did you mean 'shared'?"),
        ("run: a\n3: {}\n", "unknown key 3"),
        ("run: a\n[1, 2]: {}\n", "unknown key"),
        ("run: a\nruns: [b]\n", "unknown key 'runs'"),
        ("shared: {}\n", "`run` is missing"),
        ("rum: a\n", "Did you mean 'run'?"),
        ("run:\n", "must be a string. Received: null"),
        ("run: 3\n", "must be a string. Received: 3"),
        ("run: 2024-01-01\n", "Put it in quotes"),
        ("run: [a]\n", "must be a string. Received: ['a']"),
        ("run: ../a\n", "Received: '../a'"),
        ("run: a/b\n", "Received: 'a/b'"),
        ("run: ''\n", "Received: ''"),
        ("run: lab\n", "kept for notebooks opened by hand"),
        ("run: compare\n", "kept for the page that compares runs"),
        ("run: a\nshared: [seed]\n", "shared must be a mapping"),
        ("run: a\nshared: 0\n", "shared must be a mapping"),
        ("run: a\nshared: {1: 2}\n", "keys of shared must be strings. Received: 1"),
        ("run: a\nstages: [03_train]\n", "stages must be a mapping"),
        ("run: a\nstages: {03_train: 4}\n", "03_train must be a mapping"),
        ("run: a\nstages: {3: {}}\n", "keys of stages must be strings. Received: 3"),
        ("suite: a\n", "runs must be a list"),
        ("runs: [one]\n", "`suite` is missing"),
        ("suite: a\nruns: []\n", "runs must be a list"),
        ("suite: a\nruns: one\n", "runs must be a list"),
        ("suite: a\nruns: [3]\n", "Received: 3"),
        ("suite: a\nruns: [[one]]\n", "Received: ['one']"),
        ("suite: a\nruns: [../one]\n", "Received: '../one'"),
        ("suite: a\nruns: [one.yaml]\n", "without .yaml"),
        ("suite: a\nruns: [some]\n", "cannot hold itself"),
        ("suite: a\nruns: [nested]\n", "cannot hold a suite"),
        ("suite: a\nruns: [oned]\n", "Did you mean 'one.yaml'?"),
        ("suite: a\nruns: [one, one]\n", "two of runs write to the run 'one'"),
        ("suite: a\nruns: [one, same]\n", "two of runs write to the run 'one'"),
        ("suite: a\nruns: [bad]\n", "bad.yaml is empty"),
        ("suite: ../a\nruns: [one]\n", "Received: '../a'"),
        ("suite: a\nruns: [one]\nseeds: 3\n", "seeds must be a list of integers"),
        ("suite: a\nruns: [one]\nseeds: []\n", "seeds must be a list of integers"),
        ("suite: a\nruns: [one]\nseeds: [1, true]\n", "seeds must be a list of integers"),
        ("suite: a\nruns: [one]\nseeds: [1, 1]\n", "each once"),
        ("suite: a\nruns: [one]\nseeds: [1]\nshared: {seed: 2}\n", "contradict"),
        ("suite: a\nruns: [one]\nthen: [06_compare]\n", "then must be a notebook's name"),
        ("suite: a\nruns: [one]\nthen: ../06\n", "then must be a notebook's name"),
        ("suite: a\nruns: [one]\nshared: 3\n", "shared must be a mapping"),
        ("suite: a\nruns: [one]\nstages: {}\n", "unknown key 'stages'"),
        ("suite: a\nruns: [one]\nseed: [1]\n", "Did you mean 'seeds'?"),
    ],
)
def test_a_wrong_params_file_is_refused(tmp_path, text, words):
    yaml(tmp_path, "run: one\n", "one.yaml")
    yaml(tmp_path, "run: one\n", "same.yaml")
    yaml(tmp_path, "", "bad.yaml")
    yaml(tmp_path, "suite: x\nruns: [one]\n", "nested.yaml")
    told = refusal(params.read_file, yaml(tmp_path, text))
    assert words in told
    assert "some.yaml" in told
    assert len(told) < 800 + 4 * len(str(tmp_path))


def test_all_problems_of_a_file_are_told_at_once(tmp_path):
    told = refusal(params.read_file, yaml(tmp_path, "rum: 1\nshared: 3\nstages: 4\n"))
    assert len(told.splitlines()) == 4


def test_a_missing_file_is_named_with_the_nearest(tmp_path, monkeypatch):
    yaml(tmp_path, "run: a", "quick.yaml")
    told = refusal(params.read_file, tmp_path / "quik.yaml")
    assert "quik.yaml doesn't exist. Did you mean 'quick.yaml'?" in told
    assert "is a folder" in refusal(params.read_file, tmp_path)
    assert "doesn't exist" in refusal(params.read_file, tmp_path / "quick.yaml" / "x.yaml")
    assert "cannot be read" in refusal(params.read_file, tmp_path / "a\0b.yaml")
    (tmp_path / "work" / "params").mkdir(parents=True)
    yaml(tmp_path / "work" / "params", "run: a", "quick.yaml")
    monkeypatch.chdir(tmp_path / "work")
    told = refusal(params.read_file, "quick.yaml")
    assert told.startswith("The params file quick.yaml doesn't exist.")
    assert "'params/quick.yaml'" in told


def test_a_suite_is_read(tmp_path):
    for name in ("one", "two"):
        yaml(tmp_path, f"run: {name}\n", f"{name}.yaml")
    text = "suite: both\nruns: [one, two]\nseeds: [0, 1]\nshared: {limit: 3}\nthen: 06_compare\n"
    path = yaml(tmp_path, text)
    spec = params.read_file(path)
    assert spec == SuiteSpec(path, "both", ["one", "two"], [0, 1], {"limit": 3}, "06_compare")
    assert spec.files == [tmp_path / "one.yaml", tmp_path / "two.yaml"]
    spec = params.read_file(yaml(tmp_path, "suite: both\nruns: [one]\n"))
    assert (spec.seeds, spec.shared, spec.then) == (None, {}, None)


# Overrides ---------------------------------------------------------------------------------------


def test_overrides_are_yaml_1_2():
    options = [
        "03_train.epochs=2",
        "03_train.rate=1e-3",
        "03_train.sizes=[1, 2]",
        "03_train.limit=null",
        "03_train.early=true",
        "03_train.model=a.b:c",
        "03_train.note=a=b",
        "shared.seed=010",
        "shared.word=no",
    ]
    assert params.parse_overrides(options) == {
        "03_train": {
            "epochs": 2,
            "rate": 0.001,
            "sizes": [1, 2],
            "limit": None,
            "early": True,
            "model": "a.b:c",
            "note": "a=b",
        },
        "shared": {"seed": 10, "word": "no"},
    }
    assert params.parse_overrides([]) == {}


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("03_train.epochs", "needs a value"),
        ("epochs=2", "needs a stage and a key"),
        (".epochs=2", "needs a stage and a key"),
        ("03_train.=2", "needs a stage and a key"),
        ("=2", "needs a stage and a key"),
        ("", "needs a value"),
        ("03_train.epochs=", "write null"),
        ("03_train.run=x", "--run NAME"),
        ("shared.run=x", "--run NAME"),
        ("run=x", "--run NAME"),
        ("03_train.sizes=[1, 2", "-p 03_train.sizes: the value is not valid YAML"),
        ("03_train.note=\udcff", "not valid YAML"),
        ("03_train.note=@x", "not valid YAML"),
    ],
)
def test_wrong_overrides_are_refused(option, words):
    told = refusal(params.parse_overrides, [option])
    assert words in told
    told.encode()


def test_an_override_is_given_once():
    told = refusal(params.parse_overrides, ["a.b=1", "a.b=2", "c"])
    assert told.splitlines()[0] == "-p a.b is given twice. Take one out."
    assert len(told.splitlines()) == 2


# Resolution --------------------------------------------------------------------------------------


def spec(shared=None, stages=None) -> RunSpec:
    return RunSpec(Path("params/full.yaml"), "full", shared or {}, stages or {})


def test_defaults_are_complete_and_without_run(stages):
    got = params.resolve(spec(), stages)
    assert got["02_balance"] == {"seed": 0, "strategy": "none", "kind": "a"}
    assert list(got["03_train"]) == [each.name for each in stages["03_train"][1:]]
    got["03_train"]["sizes"].append(3)
    assert params.resolve(spec(), stages)["03_train"]["sizes"] == [28, 56]


def test_precedence(stages):
    run = spec({"seed": 1}, {"03_train": {"seed": 2}})

    def seeds(*options, run=run, **more):
        got = params.resolve(run, stages, params.parse_overrides(options), **more)
        return got["02_balance"]["seed"], got["03_train"]["seed"]

    assert seeds(run=spec()) == (0, 0)
    assert seeds(run=spec({"seed": 1})) == (1, 1)
    assert seeds() == (1, 2)
    assert seeds("shared.seed=3") == (3, 3)
    assert seeds("03_train.seed=4", "shared.seed=3") == (3, 4)
    assert seeds("02_balance.seed=4") == (4, 2)
    suite = SuiteSpec(Path("params/s.yaml"), "s", ["full"], [7], {"kind": "b"})
    assert seeds(suite=suite) == (1, 2)
    assert seeds(suite=suite, seed=7) == (7, 7)
    assert seeds("shared.seed=3", suite=suite, seed=7) == (3, 3)
    assert params.resolve(run, stages, suite=suite)["02_balance"]["kind"] == "b"
    suite = SuiteSpec(Path("params/s.yaml"), "s", ["full"], [-7], {"kinds": "b"})
    told = refusal(params.resolve, run, stages, suite=suite, seed=-7)
    assert "(params/s.yaml, shared). Did you mean 'kind'?" in told
    assert "Received: -7 (params/s.yaml, seeds)" in told


def test_values_are_converted_and_copied(stages):
    sizes = [1, 2]
    got = params.resolve(spec(stages={"03_train": {"rate": 1, "sizes": sizes}}), stages)
    assert type(got["03_train"]["rate"]) is float
    assert got["03_train"]["sizes"] == sizes
    assert got["03_train"]["sizes"] is not sizes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epochs: 0", "epochs must be an integer from 1 to 1000. Received: 0 ({}). "),
        ("limit: 0", "limit must be an integer of at least 1, or null. Received: 0 ({})."),
        ("limit: no", "limit must be an integer of at least 1, or null. Received: 'no' ({})."),
        ("epochs: four", "epochs must be an integer from 1 to 1000. Received: 'four' ({})."),
        ("epochs: 4.0", "epochs must be an integer from 1 to 1000. Received: 4.0 ({}). Write 4."),
        ("epochs: 1e-3", "epochs must be an integer from 1 to 1000. Received: 0.001 ({})."),
        ("epochs: true", "epochs must be an integer from 1 to 1000. Received: true ({})."),
        ("epochs: ~", "epochs must be an integer from 1 to 1000. Received: null ({})."),
        ("epochs: '4'", "Received: '4' ({}). Write it without quotes."),
        ("epochs: {a: 4}", "Received: a mapping ({}). Keys are flat: write one value."),
        ("epochs: [4]", "Received: [4] ({})."),
        ("epochs: !!set {a}", "Received: a mapping ({})."),
        ("rate: .nan", "rate must be a number above 0 and at most 1. Received: nan ({})."),
        ("rate: .inf", "Received: inf ({})."),
        ("rate: 1e400", "Received: inf ({})."),
        ("rate: 0", "rate must be a number above 0 and at most 1. Received: 0 ({})."),
        ("rate: true", "rate must be a number above 0 and at most 1. Received: true ({})."),
        ("rate: '1e-3'", "Received: '1e-3' ({}). Write it without quotes."),
        ("rate: 1" + "0" * 400, "Received: 1" + "0" * 76 + "... ({})."),
        ("rate: 0x1" + "0" * 4000, "Received: a very large integer ({})."),
        ("early: no", "early must be true or false. Received: 'no' ({}). Write true or false."),
        ("early: 1", "early must be true or false. Received: 1 ({}). Write true or false."),
        ("early: ~", "early must be true or false. Received: null ({})."),
        ("note: 3", "note must be a string. Received: 3 ({}). Put it in quotes."),
        ("note: 2024-01-01", "must be a string. Received: 2024-01-01 ({}). Put it in quotes."),
        ("note: ~", "note must be a string. Received: null ({})."),
        ('note: "\\ud800"', "note must be a string. Received: '\\ud800' ({})."),
        (
            "sizes: 3",
            "sizes must be a list of integers, each from 1 to 100. Received: 3 ({}). "
            "Write it in brackets: [3].",
        ),
        ("sizes: [1, a]", "Received: [1, 'a'] ({})."),
        ("sizes: [1, 101]", "Received: [1, 101] ({})."),
        ("sizes: [1, 2.0]", "Received: [1, 2.0] ({}). Write 2."),
        ("sizes: &a [*a]", "Received: [[...]] ({})."),
        ("sizes: [{}]", "must be a list of integers"),
        ("sizes: ~", "Received: null ({})."),
        ("model: hcr_smal", "Received: 'hcr_smal' ({}). Did you mean 'hcr_small'?"),
        ("model: x", "model must be a string, one of: hcr_small, hcr_net, module:function. Rec"),
        (
            "epoch: 3",
            "unknown parameter 'epoch': 03_train has no such ({}). Did you mean 'epochs'?",
        ),
        ("strategy: none", "03_train has no such ({}). It belongs to 02_balance."),
        ("run: x", "run is set by the params file's top line `run:` or by --run NAME ({})."),
    ],
)
def test_wrong_values_are_refused(root, stages, text, message):
    run = params.read_file(yaml(root, f"run: a\nstages:\n  03_train:\n    {text}\n"))
    told = refusal(params.resolve, run, stages)
    place = f"{run.path}, 03_train"
    assert message.replace("{}", place).strip() in told
    assert "\n" not in told
    told.encode()


def test_the_house_s_example(root):
    cells = {"03_train": params.read_cell(write(root, RUN + "epochs: int = 1  # [1..] x"), root)}
    told = refusal(params.resolve, spec(stages={"03_train": {"epochs": 0}}), cells)
    assert told == (
        "epochs must be an integer of at least 1. Received: 0 (params/full.yaml, 03_train)."
    )


@pytest.mark.parametrize(
    ("value", "shown"), [("no", "'no'"), (False, "false"), (None, "null"), (["none"], "['none']")]
)
def test_a_choice_in_yaml_s_traps(stages, value, shown):
    told = refusal(params.resolve, spec(stages={"02_balance": {"strategy": value}}), stages)
    rule = "strategy must be a string, one of: none, weights, oversample. "
    assert told.startswith(f"{rule}Received: {shown} (params/full.yaml, 02_balance).")


def test_unknown_stages_and_shared_keys(stages):
    told = refusal(params.resolve, spec({"sead": 1}, {"03_trian": {"epochs": 2}}), stages)
    assert told.splitlines() == [
        "unknown parameter 'sead': no stage has it (params/full.yaml, shared). "
        "Did you mean 'seed'?",
        "unknown stage '03_trian' (params/full.yaml, 03_trian). Did you mean '03_train'?",
    ]
    told = refusal(params.resolve, spec({"run": "x"}, {"shared": {"seed": 1}}), stages)
    assert "run is set by" in told
    assert "unknown stage 'stages.shared'" in told


def test_options_are_named(stages):
    def told(*options):
        return refusal(params.resolve, spec(), stages, params.parse_overrides(options))

    assert told("train.epochs=2").startswith("unknown stage 'train' (-p train.epochs). Did you")
    assert "(-p 03_train.epoch). Did you mean 'epochs'?" in told("03_train.epoch=2")
    assert "Received: 0 (-p 03_train.epochs)." in told("03_train.epochs=0")
    assert "no stage has it (-p shared.sed). Did you mean 'seed'?" in told("shared.sed=1")
    assert "(-p 03_train.a.b)" in told("03_train.a.b=1")


def test_all_problems_are_told_once(stages):
    run = spec({"seed": -1}, {"03_train": {"epochs": 0, "rate": 2}})
    told = refusal(params.resolve, run, stages, {"03_train": {"early": "yes"}})
    assert [line.split()[0] for line in told.splitlines()] == ["seed", "epochs", "rate", "early"]


def test_shared_conflicts(root, stages):
    assert params.shared_conflicts(stages) == []
    other = RUN + "seed: float = 0  # [0..] where chance starts\n"
    stages["04_evaluate"] = params.read_cell(write(root, other), root)
    assert params.shared_conflicts(stages) == [
        "seed: 02_balance and 04_evaluate differ in type, default, help"
    ]


# The listing, and the import ---------------------------------------------------------------------


def test_the_listing_is_aligned_and_wrapped(root, stages):
    long = RUN + "x: str = 'a'  # [a|b] " + "plenty words " * 20 + "w" * 130 + "\n"
    stages["04_evaluate"] = params.read_cell(write(root, long), root)
    stages["05_draw"] = params.read_cell(write(root, RUN), root)
    text = params.listing(stages, {"03_train": "Fit a network"})
    lines = text.splitlines()
    assert max(map(len, lines)) <= 100
    assert "03_train  Fit a network" in lines
    assert "02_balance" in lines
    assert "  (no parameters of its own)" in lines
    epochs = next(line for line in lines if "epochs" in line)
    header = next(line for line in lines if "allowed" in line)
    for column, value in {
        "type": "int",
        "default": "4",
        "allowed": "from 1",
        "help": "pas",
    }.items():
        assert epochs[header.index(column) :].startswith(value)
    assert "int | None" in text
    assert "null" in text
    assert "above 0 and at most 1" in text
    assert text.count("plenty") == 20
    assert not any(line.split()[:1] == ["run"] for line in lines)


def test_importing_takes_no_heavy_package():
    code = "import sys, hcr.pipeline.params; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert "hcr.pipeline.params" in loaded
    heavy = {"keras", "tensorflow", "matplotlib", "pandas", "numpy", "nbformat", "papermill"}
    assert not heavy & set(loaded)
