"""Runs as processes of their own, on five tiny notebooks: side by side, on a cluster, one."""

import signal
import time

import psutil
import pytest
import tiny_project
from conftest import start

from hcr import runs
from hcr.runs import environment

pytestmark = pytest.mark.slow

SEEDS = [0, 1, 2]


@pytest.fixture
def many(tiny):
    """A suite of three runs, of which the last one fails; the words that run two stages of it."""
    code = tiny_project.STAGES["02_balance"][3] + "\n1 / (seed - 2)"
    tiny_project.write_notebook(tiny, "02_balance", code)
    text = f"suite: many\nruns: [quick]\nseeds: {SEEDS}\nthen: 06_compare\n"
    (tiny / "params" / "many.yaml").write_text(text)
    return "params/many.yaml", "--to", "02_balance"


def statuses(outputs) -> list[str]:
    return [runs.read(outputs / "many" / f"quick-s{seed}").get("status") for seed in SEEDS]


def sleep(tiny, seconds) -> None:
    """Let 02_balance say that it began, and sleep before it works."""
    began = "began, first = out.path('began'), not out.path('began').exists()\nbegan.touch()"
    code = f"{began}\nimport time\ntime.sleep({seconds})\n"
    tiny_project.write_notebook(tiny, "02_balance", code + tiny_project.STAGES["02_balance"][3])


def begun(process, outputs) -> None:
    """Wait until the first run's 02_balance began."""
    while not (outputs / "many" / "quick-s0" / "began").exists():
        assert process.poll() is None
        time.sleep(0.2)


def test_runs_side_by_side_and_one_by_one_are_the_same_and_fail_alone(many, command, monkeypatch):
    listed = command(*many, "--list-runs")
    assert listed.out.split() == ["0", "many/quick-s0", "1", "many/quick-s1", "2", "many/quick-s2"]
    done = command(*many, "--jobs", "2")
    assert (done.code, statuses(done.outputs)) == (1, ["partial", "partial", "failed"]), done.text
    assert "many/quick-s0 [2/2] 02_balance: done" in done.out
    assert "ZeroDivisionError" in done.err
    assert "many/quick-s1/index.html" in (done.outputs / "index.html").read_text()
    made = runs.read(done.outputs / "many" / "quick-s1")
    # Two of two cores are one thread each; the notebook is told so, and the record.
    assert made["hardware"]["cores"] == max(1, environment.cores() // 2)
    monkeypatch.setenv("HCR_OUTPUTS", str(done.outputs.parent / "elsewhere"))
    one = command(*many, "--run-index", "1")
    again = runs.read(done.outputs.parent / "elsewhere" / "many" / "quick-s1")
    assert (one.code, again["command"]) == (0, made["command"]), one.text
    for stage in ("01_eda", "02_balance"):
        before, now = (record["stages"][stage]["outputs"] for record in (made, again))
        assert {
            key: now[key] for key in now if not key.endswith(".ipynb")
        }.items() <= before.items()


@pytest.mark.parametrize(
    "words",
    ["--run-index 3", "--jobs 0", "--jobs 2 --scheduler=x", "--scheduler tcp://127.0.0.1:9"],
)
def test_what_cannot_be_is_a_line_before_anything_starts(many, command, words):
    pytest.importorskip("distributed")
    done = command(*many, *words.split())
    assert (done.code, done.err.count("\n"), words.split()[0] in done.err) == (2, 1, True), (
        done.text
    )
    assert not done.outputs.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_the_end_of_the_command_ends_its_runs(many, tiny, tmp_path, number):
    sleep(tiny, 600)
    process = start(tmp_path / "outputs", tiny, *many, "--jobs", "2")
    begun(process, tmp_path / "outputs")
    started = psutil.Process(process.pid).children(recursive=True)
    assert len(started) >= 3  # two runs and a kernel
    process.send_signal(number)
    assert process.wait(60) in (130, -signal.SIGKILL)
    assert psutil.wait_procs(started, timeout=60)[1] == []
    assert statuses(tmp_path / "outputs")[2] is None


def test_a_killed_worker_of_a_cluster_costs_one_stage_of_one_run(
    many, tiny, command, tmp_path, monkeypatch
):
    distributed = pytest.importorskip("distributed")
    sleep(tiny, "600 if first and seed == 0 else 0")
    options = {"threads_per_worker": 1, "dashboard_address": None, "silence_logs": 50}
    with distributed.LocalCluster(2, **options) as cluster:
        words = (*many, "--scheduler", cluster.scheduler_address)
        facts = environment.facts()
        other = facts | {"versions": facts["versions"] | {"numpy": "1.0"}}
        with monkeypatch.context() as patch:
            patch.setattr(environment, "facts", lambda: other)
            done = command(*words)
        assert (done.code, done.err.count("\n"), "numpy" in done.err) == (2, 1, True), done.text
        process, folder = start(tmp_path / "outputs", tiny, *words), done.outputs / "many/quick-s0"
        begun(process, tmp_path / "outputs")
        before = runs.read(folder)["stages"]["01_eda"]["started"]
        workers = [psutil.Process(each.pid) for each in cluster.workers.values()]
        (killed,) = [each for each in workers if "name:many/quick-s0" in str(below(each))]
        left = killed.children(recursive=True)
        killed.kill()
        assert psutil.wait_procs(left, timeout=60)[1] == []
        rest = process.stdout.read()
    assert (process.wait(), statuses(tmp_path / "outputs")) == (0, ["partial"] * 3), rest
    assert runs.read(folder)["stages"]["01_eda"]["started"] == before


def below(process: psutil.Process) -> list[list[str]]:
    """The command lines of the processes that it has started."""
    return [each.cmdline() for each in process.children(recursive=True)]
