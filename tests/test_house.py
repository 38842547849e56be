"""The house's laws: budgets, who imports whom, what a notebook holds, what git holds."""

import ast
import inspect
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from statistics import median

import nbformat
import pytest

from hcr.pipeline import specs
from hcr.pipeline.stages import ACROSS, ALONE, PAGES, STAGES, load_stages

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = PROJECT / "hcr"

# A subpackage imports lower ones only.
ORDER = (
    "errors", "runs", "preprocessing", "datasets", "recognizer", "evaluation", "models", "plots",
    "reports", "pad", "pipeline",
)  # fmt: skip
HEAVY = {"tensorflow", "keras"}
# Each is a little above what there is: whoever adds lines finds others that can go.
LINES, FILES, SHORT_FILES, TEST_LINES = 15_800, 90, 8, 13_900
DEPENDENCIES = 32

COLAB = PROJECT / "notebooks" / "colab.ipynb"  # no stage: it gets the project, and runs them all


def tracked(*patterns: str) -> list[Path]:
    """The files that git tracks or would add; a file that merely lies about is none of them."""
    command = ["git", "ls-files", "-z", "--cached", *patterns]
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this is no git checkout", allow_module_level=True)
    paths = [PROJECT / os.fsdecode(name) for name in done.stdout.split(b"\0") if name]
    return sorted(path for path in paths if path.is_file())


SOURCES = tracked("hcr/*.py")
NOTEBOOKS = tracked("notebooks/*.ipynb")
PARAMS = tracked("params/*.yaml")
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in SOURCES}


def lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def imports(tree: ast.AST) -> set[str]:
    """The dotted names of all that is imported anywhere in `tree`."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide the direction"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def subpackages(names: set[str]) -> set[str]:
    """The subpackages of `hcr` among the dotted `names`."""
    return {name.split(".")[1] for name in names if name.startswith("hcr.")}


def owner(path: Path) -> str:
    """The subpackage, or module at the top, that a source file belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def code_of(path: Path) -> list[str]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell.source for cell in cells if cell.cell_type == "code"]


def ids(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


# The package


def test_the_package_keeps_its_budgets():
    sizes = {ids(path): lines(path) for path in SOURCES}
    assert sum(sizes.values()) <= LINES
    assert len(sizes) <= FILES
    assert {name: n for name, n in sizes.items() if n > 500} == {}
    short = [name for name, n in sizes.items() if n < 60 and not name.endswith("__.py")]
    assert len(short) <= SHORT_FILES, short
    assert sum(map(lines, tracked("tests/*.py"))) <= TEST_LINES
    assert {owner(path) for path in SOURCES} - {"__init__", "__main__"} == set(ORDER)


def test_there_are_no_more_dependencies():
    import tomllib

    table = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))
    assert len(table["project"]["dependencies"]) <= DEPENDENCIES


def test_imports_go_strictly_downward():
    for path, tree in TREES.items():
        own = owner(path)
        if own in ORDER:
            higher = set(ORDER[ORDER.index(own) + 1 :])
            assert not subpackages(imports(tree)) & higher, path
        if own != "models":
            assert not {name.split(".")[0] for name in imports(tree)} & HEAVY, path


def test_a_file_has_a_name_that_says_something_and_opens_images_in_one_way():
    for path, tree in TREES.items():
        assert path.stem not in {"util", "utils", "helper", "helpers", "common", "misc"}
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and ast.unparse(call.func) in (
                "Image.open",
                "plt.imread",
            ):
                assert "formats" in {each.arg for each in call.keywords}, path


def test_importing_anything_but_models_leaves_tensorflow_alone():
    names = [
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
        for path in SOURCES
        if owner(path) != "models" and path.stem != "__main__"
    ]
    code = (
        "import importlib, sys\n"
        f"for name in {names!r}:\n"
        "    importlib.import_module(name)\n"
        f"    assert not {HEAVY!r} & set(sys.modules), name\n"
    )
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_stages_fingerprint_covers_what_its_notebook_imports():
    needs = {name: set() for name in ORDER}
    for path, tree in TREES.items():
        if owner(path) in ORDER:
            needs[owner(path)] |= subpackages(imports(tree)) & set(ORDER)
    for stage, covered in STAGES.items():
        trees = [ast.parse(cell) for cell in code_of(PROJECT / "notebooks" / f"{stage}.ipynb")]
        waiting = {"errors", *subpackages(set().union(*map(imports, trees)))}
        # `from hcr import runs` is hcr.runs, too.
        reached: set[str] = set()
        while waiting := (waiting & set(ORDER)) - reached - {*PAGES, "pipeline"}:
            reached |= waiting
            waiting = set().union(*(needs[name] for name in waiting))
        assert set(covered) >= reached, stage


# The notebooks


def test_every_notebook_but_one_is_a_stage_or_a_page_across_runs():
    assert [path.stem for path in NOTEBOOKS if path != COLAB] == [*STAGES, *ACROSS, *ALONE]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=ids)
def test_a_notebook_has_its_form(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}
    tags = [tag for cell in notebook.cells for tag in cell.metadata.get("tags", [])]
    assert [tag for tag in tags if tag != "fold"] == ["parameters"]
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^#+ .*$", "\n".join(prose), re.M)
    assert headings[0].startswith("# ")
    assert sum(each.startswith("# ") for each in headings) == 1
    assert headings[-1] == ("## The pad" if path == COLAB else "## Environment")
    # Absolute on some system, or somebody's home.
    absolute = re.compile(r"(/\w|~|[A-Za-z]:[\\/]|file:)")
    sizes: list[int] = []
    for cell in notebook.cells:
        assert cell.source.strip()
        assert set(cell.metadata) <= {"tags"}
        if cell.cell_type != "code":
            continue
        assert (cell.outputs, cell.execution_count) == ([], None)
        if "parameters" not in cell.metadata.get("tags", []):
            sizes.append(len(cell.source.split("\n")))
        tree = ast.parse(cell.source)
        assert not {name.split(".")[0] for name in imports(tree)} & HEAVY
        for node in ast.walk(tree):
            assert not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert not absolute.match(node.value), node.value
    assert (max(sizes) <= 25, median(sizes) <= 6) == (True, True), sizes


@pytest.mark.parametrize("path", [each for each in NOTEBOOKS if each != COLAB], ids=ids)
def test_what_a_notebook_uses_of_the_package_is_there(path):
    """In cells that a quick run skips, too."""
    names: dict[str, object] = {}
    for node in ast.walk(ast.parse("\n".join(code_of(path)))):
        # Keras takes seconds, and `models` has its names as text.
        if isinstance(node, ast.ImportFrom) and re.match(r"hcr\b(?!.*backend)", node.module):
            exec(ast.unparse(node), names)
    for node in ast.walk(ast.parse("\n".join(code_of(path)))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = names.get(node.value.id)
            known = node.attr in getattr(module, "__all__", ()) or hasattr(module, node.attr)
            assert known or not inspect.ismodule(module), ast.unparse(node)


def test_only_03_train_needs_tensorflow():
    for path in NOTEBOOKS:
        trees = [ast.parse(cell) for cell in code_of(path)]
        if path.stem not in ("02_balance", "03_train"):
            assert "models" not in subpackages(set().union(*map(imports, trees))), path


def test_parameters_that_stages_share_agree_and_every_params_file_resolves(tmp_path, monkeypatch):
    monkeypatch.chdir(PROJECT)
    stages = load_stages()
    declared = {name: stage.parameters for name, stage in stages.items()}
    shared: dict[str, object] = {}
    for cell in declared.values():
        for each in cell:
            bare = replace(each, help="")
            assert shared.setdefault(each.name, bare) == bare
    for path in PARAMS:
        spec = specs.read_file(path)
        for _, each, seed in spec.expand():
            _, notes = specs.resolve(each, declared, suite=spec, seed=seed)
            assert notes == []
        assert (spec.name, spec.then in (None, *ACROSS)) == (path.stem, True)
        first = path.read_text(encoding="utf-8").splitlines()[0]
        assert re.match(rf"# .*run_all\.py params/{path.name}", first), path


# What the documents name, and what git holds

NAMED = re.compile(r"(?<![\w/.-])(?:params|docs|benchmarks|notebooks|tests)/[\w./-]*\w/?")
LINKED = re.compile(r"\]\(([^)#\s]+)[^)]*\)")


def test_every_file_that_a_document_names_is_there():
    documents = tracked("README.md", "CONTRIBUTING.md", "docs/*.md", "benchmarks/*.md")
    assert documents
    for path in documents:
        text = path.read_text(encoding="utf-8")
        named = {each for each in NAMED.findall(text) if not re.search(r"\b(NAME|SUITE)\b", each)}
        assert [each for each in named if not (PROJECT / each).exists()] == [], path
        linked = {each for each in LINKED.findall(text) if "://" not in each}
        assert [each for each in linked if not (path.parent / each).exists()] == [], path


def test_no_file_names_this_machine_or_a_registry_or_is_large():
    places = [PROJECT, PROJECT.parent / "shared", Path(sys.prefix)]
    paths = "|".join(re.escape(str(place)) for place in places)
    homes = "|".join(("/" + "home" + r"/\w", "/" + "Users" + r"/\w", "/" + "root" + "/"))
    hosts = ("pypi" + ".org", "python" + "hosted.org", "ana" + "conda.org", "npm" + "js.")
    text = "|".join(map(re.escape, hosts))
    pattern = re.compile(rf"(?<![\w.~-])({paths})(?![\w-])|(?<![\w.~-])({homes})|{text}".encode())
    held = tracked()
    assert {ids(path) for path in held if path.stat().st_size > 4_000_000} == set()
    assert [ids(path) for path in held if pattern.search(path.read_bytes())] == []
    outputs = [path for path in held if path.is_relative_to(PROJECT / "outputs")]
    assert {path.name for path in outputs} <= {".gitignore", ".gitkeep", "README.md"}


def test_the_top_level_holds_what_the_design_lists():
    allowed = {
        "notebooks", "hcr", "outputs", "params", "tests", "run_all.py", "environment.yml",
        "README.md", "pyproject.toml", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md",
        "CITATION.cff", "docs", "examples", "benchmarks",
    }  # fmt: skip
    tops = {path.relative_to(PROJECT).parts[0] for path in tracked()}
    assert {top for top in tops if not top.startswith(".")} <= allowed
