"""The house's laws: who imports whom, how long a file is, what a notebook holds, what git holds."""

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest

from hcr import datasets, models, pipeline
from hcr.datasets import balancing, own, profiles
from hcr.pipeline import params

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "hcr"

# A room imports from lower floors only. A new room gets its line here.
FLOORS = {
    "errors": 0,
    "doubt": 1,
    "environment": 1,
    "files": 1,
    "labels": 1,
    "quiet": 1,
    "colab": 2,
    "drawings": 2,
    "figures": 2,
    "images": 2,
    "runs": 2,
    "synthesis": 2,
    "audit": 3,
    "balance": 3,
    "datasets": 3,
    "measures": 3,
    "metrics": 3,
    "models": 3,
    "params": 3,
    "recognizer": 3,
    "tables": 3,
    "anatomy": 4,
    "classics": 4,
    "show": 4,
    "pad": 4,
    "plots": 4,
    "training": 4,
    "browse": 5,
    "comparison": 5,
    "insights": 5,
    "report": 5,
    "service": 5,
    "shipping": 5,
    "study": 5,
    "pipeline": 6,
    "publishing": 6,
}
MOST_LINES = 320
HEAVY = {"tensorflow", "keras"}

SOURCES = sorted(PACKAGE.rglob("*.py"))
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))
COLAB = PROJECT / "notebooks" / "colab.ipynb"  # no stage: it gets the project, and runs them all
PARAMS = sorted((PROJECT / "params").glob("*.y*ml"))


def name_of(path: Path) -> str:
    """The dotted name of the module in the file `path`."""
    parts = path.relative_to(PROJECT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST) -> set[str]:
    """The dotted names of all that is imported anywhere in `tree`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the floor"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def rooms(tree: ast.AST) -> set[str]:
    """The rooms of `hcr` that are imported in `tree`."""
    parts = (name.split(".") for name in imports(tree))
    return {each[1] for each in parts if each[0] == "hcr" and len(each) > 1}


def ids(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


# The package


def test_every_room_has_its_floor():
    there = {name_of(path).split(".")[1] for path in SOURCES if path.parent != PACKAGE}
    there |= {path.stem for path in PACKAGE.glob("*.py") if path.stem != "__init__"}
    assert there == set(FLOORS)


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_imports_go_strictly_downward(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path == PACKAGE / "__init__.py":
        assert imports(tree) == set()
        return
    own = name_of(path).split(".")[1]
    for room in rooms(tree) - {own}:
        assert FLOORS[room] < FLOORS[own], f"{own} must not import {room}"


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_a_file_is_short_and_has_a_name_that_says_something(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES
    assert path.stem not in {"util", "utils", "helper", "helpers", "common", "misc"}
    assert not re.search(r"_(v\d+|new|old)$", path.stem)


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_a_pictures_file_is_opened_only_as_one_of_some_formats(path):
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and ast.unparse(call.func) in ("Image.open", "plt.imread"):
            assert "formats" in {each.arg for each in call.keywords}


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_only_models_and_training_name_tensorflow(path):
    tops = {name.split(".")[0] for name in imports(ast.parse(path.read_text(encoding="utf-8")))}
    if tops & HEAVY:
        assert name_of(path).split(".")[1] in ("models", "training")


def test_importing_anything_else_leaves_tensorflow_alone():
    builders = "hcr.models.training", "hcr.models."
    names = [name for name in map(name_of, SOURCES) if not name.startswith(builders)]
    assert "hcr.models" in names
    assert "hcr.pipeline.runner" in names
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    assert not {HEAVY!r} & set(sys.modules), name\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("file", "table"),
    [
        ("datasets/__init__.py", datasets.DATASETS),
        ("models/__init__.py", models.MODELS),
        ("datasets/profiles.py", profiles.CLASS_PROFILES),
        ("datasets/own.py", own.ORIENTATIONS),
        ("balance/__init__.py", balancing.STRATEGIES),
        ("training/__init__.py", None),
    ],
)
def test_tables_are_literals(file, table):
    tree = ast.parse((PACKAGE / file).read_text(encoding="utf-8"))
    found = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)
    ]
    assert found[0]
    assert table is None or found[0] == table


def test_what_tables_name_is_there():
    for module in datasets.DATASETS.values():
        assert find_spec(module)
    for target in models.MODELS.values():
        module, function = target.split(":")
        tree = ast.parse((PROJECT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


# The notebooks


@pytest.fixture(scope="module")
def stages() -> dict[str, pipeline.Stage]:
    return pipeline.load_stages(PROJECT / "notebooks")


def code_cells(path: Path) -> list[nbformat.NotebookNode]:
    notebook = nbformat.read(path, as_version=4)
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def test_every_notebook_but_one_is_a_stage_or_a_page_across_runs():
    assert COLAB in NOTEBOOKS
    others = tuple(path.stem for path in NOTEBOOKS if path != COLAB)
    assert others == pipeline.STAGES + pipeline.ACROSS


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_a_notebook_is_stripped(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    assert notebook.metadata.kernelspec == {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    }
    assert "version" not in notebook.metadata.get("language_info", {})
    for cell in notebook.cells:
        assert set(cell.metadata) <= {"tags"}
        assert "attachments" not in cell
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert cell.execution_count is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_a_notebook_has_its_form(path):
    notebook = nbformat.read(path, as_version=4)
    assert len(notebook.cells) <= 30
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert tags == ["parameters"]
    assert notebook.cells[0].cell_type == "markdown"
    headings = [
        line
        for cell in notebook.cells
        if cell.cell_type == "markdown"
        for line in cell.source.splitlines()
        if line.startswith("#")
    ]
    assert headings[0].startswith("# ")
    assert headings[-1] == ("## The pad" if path == COLAB else "## Environment")
    assert sum(line.startswith("# ") for line in headings) == 1
    assert all(cell.source.strip() for cell in notebook.cells), "an empty cell"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_a_notebooks_code_is_short_and_portable(path):
    # Absolute on some system, or somebody's home.
    absolute = re.compile(r"(/\w|~|[A-Za-z]:[\\/]|file:)")
    searched = []
    for cell in code_cells(path):
        # One line a parameter, however many a stage has.
        if "parameters" not in cell.metadata.get("tags", []):
            assert len(cell.source.splitlines()) <= 20
        tree = ast.parse(cell.source)
        for node in ast.walk(tree):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path":
                searched.append(node)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not absolute.match(node.value), node.value
    # In Colab the package is not installed: there, and nowhere else, it is put on the path.
    assert len(searched) == (path == COLAB)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_only_training_waits_for_tensorflow(path):
    found = {room for cell in code_cells(path) for room in rooms(ast.parse(cell.source))}
    tops = {
        name.split(".")[0] for cell in code_cells(path) for name in imports(ast.parse(cell.source))
    }
    assert not tops & HEAVY
    if path.stem != "03_train":
        assert not found & {"training", "models"}
    assert found <= set(FLOORS)


def test_the_headline_is_written_before_another_model_sees_the_test_pictures(stages):
    """From where the test split is opened to the results, `model` alone is given its pictures."""
    tree = ast.parse(stages["04_evaluate"].code)
    lines = {
        "opened": [n.lineno for n in ast.walk(tree) if ast.unparse(n) == "data.test"],
        "written": [
            n.lineno
            for n in ast.walk(tree)
            if isinstance(n, ast.Call) and ast.unparse(n.func) == "reports.results"
        ],
    }
    opened, (written,) = min(lines["opened"]), lines["written"]
    given = [
        (ast.unparse(node.func), node.lineno)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and any(
            ast.unparse(each) == "test" or "test.images" in ast.unparse(each)
            for each in [*node.args, *node.keywords]
        )
    ]
    assert {name for name, line in given if line <= written} == {"model.answers", "len"}
    assert all(line > opened for _, line in given)
    # The others do see them, later.
    assert {"start.answers", "each.answers"} <= {name for name, line in given if line > written}


def test_parameters_that_stages_share_agree(stages):
    every = stages | pipeline.load_across(PROJECT / "notebooks")
    declared = {name: list(stage.parameters) for name, stage in every.items()}
    assert params.shared_conflicts(declared) == []


@pytest.mark.parametrize("path", PARAMS, ids=ids)
def test_every_params_file_resolves(path, stages):
    declared = {name: list(stage.parameters) for name, stage in stages.items()}
    spec = params.read_file(path)
    if isinstance(spec, params.RunSpec):
        found = [params.resolve(spec, declared, {})]
        assert spec.run == path.stem
    else:
        pipeline.check_then(spec)
        found = [
            params.resolve(each, declared, {}, suite=spec, seed=seed)
            for _, each, seed in pipeline.expand(spec)
        ]
        assert spec.suite == path.stem
    assert found
    assert all(set(each) == set(pipeline.STAGES) for each in found)
    first = path.read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# ")
    assert f"run_all.py params/{path.name}" in first


# What the documents name

DOCUMENTS = sorted(
    path
    for pattern in ("README.md", "CONTRIBUTING.md", "docs/**/*.md", "benchmarks/*.md")
    for path in PROJECT.glob(pattern)
)
# A file or folder of the project; not the end of a longer path, as of an address.
NAMED = re.compile(r"(?<![\w/.-])(?:params|docs|benchmarks|notebooks|tests)/[\w./-]*\w/?")
LINKED = re.compile(r"\]\(([^)#\s]+)[^)]*\)")
PLACEHOLDER = re.compile(r"\b(?:NAME|SUITE)\b")


def missing(text: str, folder: Path) -> set[str]:
    """What `text` names, or links to from its `folder`, and is not there."""
    named = {each for each in NAMED.findall(text) if not PLACEHOLDER.search(each)}
    linked = {each for each in LINKED.findall(text) if "://" not in each}
    gone = {each for each in named if not (PROJECT / each).exists()}
    return gone | {each for each in linked if not (folder / each).exists()}


def test_every_file_that_a_document_names_is_there():
    assert len(DOCUMENTS) >= 8
    told = {ids(path): missing(path.read_text(encoding="utf-8"), path.parent) for path in DOCUMENTS}
    assert {name: gone for name, gone in told.items() if gone} == {}
    # And one that is gone is found.
    text = "`params/gone.yaml`, benchmarks/gone.py. See docs/results/SUITE/, params/NAME.yaml, "
    text += "https://example.org/docs/x.md, [it](gone.md#at), [that](#here) and params/quick.yaml."
    assert missing(text, PROJECT) == {"params/gone.yaml", "benchmarks/gone.py", "gone.md"}


# What git holds


@pytest.fixture(scope="module")
def held() -> list[Path]:
    """Every file that git tracks, or would with `git add`."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout")
    found = [PROJECT / os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    return [path for path in found if path.is_file()]


def forbidden() -> re.Pattern[bytes]:
    """Paths of this machine, and hosts of package registries."""
    places = [PROJECT, PROJECT.parent / "shared", Path(sys.prefix)]
    paths = "|".join(re.escape(str(place)) for place in places)
    homes = "|".join(("/" + "home" + r"/\w", "/" + "Users" + r"/\w", "/" + "root" + "/"))
    hosts = "|".join(
        re.escape(".".join(parts))
        for parts in (
            ("pypi", "org"),
            ("python" + "hosted", "org"),
            ("ana" + "conda", "org"),
            ("npm" + "js", "org"),
            ("npm" + "js", "com"),
        )
    )
    return re.compile(rf"(?<![\w.~-])({paths})(?![\w-])|(?<![\w.~-])({homes})|{hosts}".encode())


def test_no_file_names_this_machine_or_a_registry(held):
    pattern = forbidden()
    for text in (f"{PROJECT}/x", f"'{PROJECT}'", "https://pypi" + ".org/simple"):
        assert pattern.search(text.encode())
    for text in (f"..{PROJECT}", f"{PROJECT}er", "conda-forge"):
        assert not pattern.search(text.encode())
    found = {ids(path): match[0] for path in held if (match := pattern.search(path.read_bytes()))}
    assert found == {}


def test_no_file_is_large_and_no_output_is_held(held):
    assert {ids(path) for path in held if path.stat().st_size > 4_000_000} == set()
    names = {ids(path) for path in held}
    assert {"run_all.py", "hcr/__init__.py"} <= names
    kept = {name for name in names if name.startswith("outputs/")}
    assert kept <= {"outputs/.gitkeep"}
    made = {name for name in names if name.endswith((".pyc", ".tflite", ".keras"))}
    assert all(name.startswith("hcr/pretrained/") for name in made)
    assert "uv.lock" not in names


def test_the_top_level_holds_what_the_design_lists(held):
    tops = {ids(path).split("/")[0] for path in held}
    known = {"notebooks", "hcr", "outputs", "params", "tests", "docs", "benchmarks"}
    known |= {"run_all.py", "environment.yml", "pyproject.toml", "README.md", "LICENSE"}
    known |= {"CHANGELOG.md", "CONTRIBUTING.md", "CITATION.cff"}
    assert {name for name in tops if not name.startswith(".")} <= known
