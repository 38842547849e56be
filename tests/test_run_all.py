"""The command line: what is wrong ends with 2 and one message, before any kernel starts."""

import importlib.util
import json
import subprocess
import sys

import made_runs
import pytest
import tiny_project
from conftest import PROJECT, run_all

from hcr import pipeline


@pytest.fixture
def main(tiny, monkeypatch):
    """`run_all.py`'s main function in the tiny project; starting a run is a failure."""
    spec = importlib.util.spec_from_file_location("run_all", PROJECT / "run_all.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.chdir(tiny)

    def started(plan):
        raise AssertionError(f"{plan.name} was started")

    monkeypatch.setattr(pipeline, "run", started)
    return module.main


@pytest.fixture
def refused(main, capsys):
    """Call main, expect exit 2 and a message without traceback on standard error; return it."""

    def call(*arguments: str, lines: int = 1) -> str:
        try:
            code = main(list(arguments))
        except SystemExit as stop:  # argparse's way out
            code = stop.code
        said = capsys.readouterr()
        assert code == 2, said
        assert "Traceback" not in said.err
        assert said.out == ""
        assert len(said.err.strip().splitlines()) == lines, said.err
        return said.err

    return call


def params(tiny, text: str, name: str = "bad.yaml") -> str:
    (tiny / "params" / name).write_text(text)
    return f"params/{name}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("run: bad\nshared: {sed: 0}", ["sed", "'seed'", "params/bad.yaml"]),
        ("run: bad\nstages: {03_train: {epoch: 3}}", ["epoch", "'epochs'", "03_train"]),
        ("run: bad\nstages: {03_trian: {epochs: 3}}", ["03_trian", "'03_train'"]),
        ("run: bad\nstages: {03_train: {epochs: many}}", ["must be an integer", "'many'"]),
        ("run: bad\nstages: {03_train: {epochs: 0}}", ["at least 1", "Received: 0"]),
        ("run: bad\nstages: {03_train: {epochs: 1e-3}}", ["must be an integer", "0.001"]),
        ("run: bad\nstages: {02_balance: {strategy: no}}", ["strategy", "'no'", "none"]),
        ("run: bad\nstages: {02_balance: {strategy: cup}}", ["'cup'", "'cap'"]),
        ("", ["empty"]),
        ("- run: bad", ["must be a mapping"]),
        ("run: ../bad", ["../bad", "name"]),
        ("run: bad\nshraed: {}", ["shraed", "'shared'"]),
        ("run: [", ["line"]),
        ("run: CON", ["'CON'", "Windows"]),
        ("run: Lab", ["'Lab'", "kept for"]),
    ],
)
def test_a_wrong_params_file_is_refused(tiny, refused, text, words):
    said = refused(params(tiny, text))
    assert all(word in said for word in words), said


def test_a_suite_too_large_to_be_meant_is_refused(tiny, refused):
    seeds = list(range(10_001))
    said = refused(params(tiny, f"suite: bad\nruns: [quick]\nseeds: {seeds}"))
    assert "10001" in said


def test_a_seed_that_keras_does_not_take_is_refused(tmp_path):
    done = run_all("--check", "-p", "shared.seed=4294967296", outputs=tmp_path)
    assert done.code == 2
    assert "seed" in done.err
    assert "4294967296" in done.err


def test_whose_code_runs_is_told_once_and_before_any_of_it_does(main, tiny, capsys, monkeypatch):
    more = 'model: str = "plain"  # [plain or module:function] the network\n'
    tiny_project.write_notebook(tiny, "03_train", parameters=more)
    monkeypatch.syspath_prepend(tiny)
    (tiny / "mynet.py").write_text("raise AssertionError('it was run')")
    files = (
        params(tiny, "run: one\nshared: {model: 'mynet:build'}", "one.yaml"),
        params(tiny, "run: two\nshared: {model: 'mynet:build'}", "two.yaml"),
    )
    assert main(["--check", *files]) == 0
    assert capsys.readouterr().out.count("mynet.py") == 1


def test_a_missing_params_file_is_named(refused):
    assert "params/nothing.yaml" in refused("params/nothing.yaml")


# Windows and macOS take the second for the first.
@pytest.mark.parametrize("name", ["quick", "Quick"])
def test_two_files_with_one_run_name_are_refused(tiny, refused, name):
    said = refused("params/quick.yaml", params(tiny, f"run: {name}", "again.yaml"))
    assert "'quick'" in said
    assert "params/again.yaml" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-p", "03_train.epoch=2"], ["epoch", "'epochs'"]),
        (["-p", "03_train.epochs=yes"], ["must be an integer"]),
        (["-p", "epochs=2"], ["epochs=2", "STAGE.key=value"]),
        (["--only", "03_trian"], ["03_trian", "'03_train'"]),
        (["--from", "04_evaluate", "--to", "01_eda"], ["--from", "--to"]),
        (["--only", "01_eda", "--to", "02_balance"], ["--only"]),
        (["--run", "../up"], ["../up"]),
        (["--run", "lab"], ["lab"]),
        (["--run", ""], ["--run", "''"]),
        (["quick"], ["'params/quick.yaml'"]),
        (["-p", "shared.run=x"], ["--run"]),
        (["--compare"], ["There must be a finished run to compare", "uv run run_all.py"]),
        (["--compare", "quick"], ["must be the name of a finished run", "'quick'"]),
        (["--compare", "--only", "01_eda"], ["--compare", "stands alone"]),
        (["params/quick.yaml", "--compare"], ["--compare", "stands alone"]),
        (["--compare", "-p", "06_compare.nmes=[x]"], ["nmes", "'names'"]),
        (["--compare", "-p", "03_train.epochs=2"], ["stage '03_train'", "Known: 06_compare"]),
        (["-p", "06_compare.published=false"], ["-p 06_compare", "--compare"]),
    ],
)
def test_a_wrong_argument_is_refused(refused, arguments, words):
    said = refused(*arguments)
    assert all(word in said for word in words), said


def test_all_mistakes_are_told_at_once(tiny, refused):
    said = refused(
        params(tiny, "run: bad\nshared: {sed: 1}\nstages: {03_train: {epochs: x}}"), lines=2
    )
    assert "sed" in said
    assert "epochs" in said


def test_the_second_file_is_checked_before_the_first_runs(tiny, refused):
    assert "sed" in refused("params/quick.yaml", params(tiny, "run: bad\nshared: {sed: 1}"))


def test_a_notebook_without_a_parameters_cell_is_refused(tiny, refused):
    path = tiny / "notebooks" / "02_balance.ipynb"
    notebook = json.loads(path.read_text())
    for cell in notebook["cells"]:
        cell["metadata"].pop("tags", None)
    path.write_text(json.dumps(notebook))
    said = refused()
    assert "02_balance.ipynb" in said
    assert "parameters" in said


def test_a_notebook_without_its_table_is_refused(tiny, refused):
    path = tiny / "notebooks" / "02_balance.ipynb"
    path.write_text(path.read_text().replace("| Writes |", "| Makes |"))
    said = refused()
    assert "02_balance.ipynb" in said
    assert "Reads and Writes" in said


def test_a_suite_that_ends_in_nothing_is_refused(tiny, refused):
    said = refused(params(tiny, "suite: bad\nruns: [quick]\nthen: 06_compar"))
    assert "'06_compar'" in said
    assert "Did you mean '06_compare'?" in said
    assert "params/bad.yaml" in said


def test_a_page_across_runs_is_checked_without_being_made(main, capsys, tmp_path):
    made_runs.make(tmp_path / "outputs" / "one")
    assert main(["--compare", "one", "--check"]) == 0
    assert capsys.readouterr().out == "compare: --compare is right: 06_compare\n"
    assert not (tmp_path / "outputs" / "compare").exists()


def test_check_validates_and_starts_nothing(tiny, main, capsys, tmp_path):
    assert main(["--check"]) == 0
    assert "params/quick.yaml is right" in capsys.readouterr().out
    assert not (tmp_path / "outputs").exists()


def test_list_prints_every_parameter(main, capsys):
    assert main(["--list"]) == 0
    said = capsys.readouterr().out
    for words in (
        "03_train",
        "epochs",
        "int",
        "at least 1",
        "passes",
        "none, cap",
        "0.0",
        "06_compare",
    ):
        assert words in said


def test_check_is_quick_because_it_imports_no_machinery(tiny):
    """A mistake should be told at once, so papermill, nbconvert and Keras are not imported."""
    code = (
        "import sys; sys.argv = ['run_all.py', '--check']\n"
        "import runpy\n"
        "try: runpy.run_path('run_all.py', run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "heavy = {'papermill', 'nbconvert', 'keras', 'matplotlib', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tiny, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_every_shipped_params_file_is_right():
    files = sorted(str(path.relative_to(PROJECT)) for path in (PROJECT / "params").glob("*.yaml"))
    assert "params/quick.yaml" in files
    done = run_all("--check", *files, outputs=PROJECT / "outputs")
    assert done.code == 0, done.err
    assert done.out.count("is right") >= len(files)


def test_the_tiny_project_has_the_real_stages():
    assert tuple(tiny_project.STAGES) == pipeline.STAGES
    assert tuple(tiny_project.ACROSS) == pipeline.ACROSS


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["shared.thin=az"], ["thin=az goes with a data set", "params/quick.yaml, 01_eda"]),
        (["shared.dataset=own"], ["no path", "shared.path="]),
        (["shared.dataset=own", "shared.path=/nowhere"], ["/nowhere", "does not exist"]),
        (["shared.path=here"], ["path goes with the data sets own", "'here' with mnist-sample"]),
        (["shared.orientation=inverted"], ["orientation goes with the data set own"]),
        (["shared.dataset=emnist"], ["Did you mean one of emnist-subset, emnist-subset+unipen,"]),
    ],
)
def test_options_that_do_not_go_with_the_data_end_before_a_kernel(refused, tiny, options, words):
    tiny_project.write_notebook(tiny, "01_eda", parameters=DATA)
    given = [part for option in options for part in ("-p", option)]
    for more in ([], ["--check"]):
        said = refused(*given, *more)
        assert all(word in said for word in words), said


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["looked_at=7é"], ["looked_at must hold characters", "(0123456789)", "with 'é'"]),
        (["dataset=emnist-subset", "looked_at=ac"], ["with 'c'", "params/quick.yaml, 04_evaluate"]),
    ],
)
def test_characters_that_the_data_lack_end_before_a_kernel(refused, tiny, options, words):
    more = DATA + "looked_at: str | None = None  # characters\n"
    tiny_project.write_notebook(tiny, "04_evaluate", parameters=more)
    given = [part for option in options for part in ("-p", f"04_evaluate.{option}")]
    said = refused(*given)
    assert all(word in said for word in words), said


def test_characters_that_the_data_have_may_be_looked_at(main, tiny):
    more = DATA + "looked_at: str | None = None  # characters\n"
    tiny_project.write_notebook(tiny, "04_evaluate", parameters=more)
    assert (
        main(
            ["--check", "-p", "04_evaluate.looked_at=q7", "-p", "04_evaluate.dataset=emnist-subset"]
        )
        == 0
    )


DATA = """dataset: str = "mnist-sample"  # [hcr.datasets.DATASETS] the data set
thin: str = "none"  # [hcr.datasets.thinning.THINNING] the shape
path: str | None = None  # of your own
orientation: str = "upright"  # [hcr.datasets.own.ORIENTATIONS] how they lie
"""
