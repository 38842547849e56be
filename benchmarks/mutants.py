"""One-line mutations of the package, and whether the tests notice each: caught or survived.

    uv run benchmarks/mutants.py [--out mutants.tsv] [--topic TOPIC ...] [--check] [--project FOLDER]

A mutation is a row (topic, old text, new text). The old text is a part of a line (or of two) that
occurs once in all of hcr/**/*.py, wherever the file lies, so that a row stays valid when files move;
a row whose text is not found, or found twice, is reported as `lost` and needs a new text. Each mutation is made
in a temporary copy of the project; then pytest runs the files of TESTS for its topic and stops at
the first failure. A topic's tests must pass on the unchanged code, or its rows are `broken`. Rows
that --out holds already are not run again. --check only looks for the texts. The tests run without
data (HCR_DATA is unset) and browser.
The last lines printed are the counts by topic, to be compared with an earlier suite's.
"""

# ruff: noqa: E501 (a row is one line, so that it can be searched for)
import argparse
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

LIMIT = 900  # s, for a topic's tests on the unchanged code; a mutation gets ten times theirs
SKIPPED = shutil.ignore_patterns(".venv", ".git", "outputs", ".*_cache")

# Topic -> what pytest is given. Small and quick, first the file that ought to notice.
TESTS = {
    "strokes": "tests/test_strokes.py",
    "pictures": "tests/test_pictures.py tests/test_picture_files.py",
    "split": "tests/test_datasets.py tests/test_drawings_set.py tests/test_datasets_own.py",
    "leaks": "tests/test_datasets_leaks.py tests/test_datasets.py",
    "cache": "tests/test_datasets_cache.py",
    "balance": "tests/test_balancing.py",
    "scores": "tests/test_evaluation_scores.py",
    "intervals": "tests/test_evaluation_scores.py",
    "mcnemar": "tests/test_evaluation_comparison.py",
    "calibration": "tests/test_evaluation_scores.py",
    "alternatives": "tests/test_evaluation_decisions.py",
    "corruptions": "tests/test_corruptions.py",
    "params": "tests/test_pipeline_parameters.py",
    "files": "tests/test_files.py",
    "runs": "tests/test_runs.py tests/test_pipeline_runner.py",
    "resume": "tests/test_models_training.py -k 'checkpoint or same_bits or best_epoch or order'",
    "recognizer": "tests/test_recognizer.py tests/test_recognizer_files.py",
    "pad": "tests/test_pad.py",
}

MUTANTS = [
    ("strokes", "EMNIST = Framing(22.7", "EMNIST = Framing(20.0"),
    ("strokes", "BLUR = 0.48", "BLUR = 0.6"),
    ("strokes", "_TAP = 1e-6", "_TAP = 1.0"),
    ("strokes", "scale = (low + high) / 2, (EM", "scale = points.mean(axis=0), (EM"),
    ("strokes", "keep[-1] = True", "keep[-1] = False"),
    ("strokes", "foot = np.clip(along, 0, 1)", "foot = np.clip(along, 0, 2)"),
    ("strokes", ".minimum(start, start + step).min(axis=0) -", ".minimum(start, start).min(axis=0) -"),
    ("pictures", "return 1 - alpha, None", "return alpha, None"),
    ("pictures", "ImageOps.exif_transpose(picture)", "picture.copy()"),
    ("pictures", "for each in _HIGHEST if high <= each", "for each in _HIGHEST if high < each"),
    ("pictures", "wider = (pen - width * pixels) / 2", "wider = (pen - width * pixels) / 1"),
    ("pictures", "pixels = 2 * pen / side", "pixels = framing.side / side"),
    ("pictures", "x, y = (left + right) / 2 + pads", "x, y = left + pads"),
    ("pictures", "_FAINT = 0.06", "_FAINT = 0.3"),
    ("pictures", "bool(evidence > -_DARK)", "bool(evidence > _DARK)"),
    ("pictures", "min(0.4 * width**2, 0.25 * areas.max())", "min(0.0 * width**2, 0.25 * areas.max())"),
    ("pictures", "> most_pixels or max(width, height) > MOST_SIDE", "> most_pixels"),
    ("pictures", "np.pad(beyond >= 2, 2)", "np.pad(beyond > -999, 2)"),
    ("split", "hashes / 2.0**64", "hashes / 2.0**63"),
    ("split", "np.cumsum(shares[:-1])", "np.cumsum(shares[1:])"),
    ("split", "indices = rng.permutation(np.flatnonzero(labels == label))", "indices = np.flatnonzero(labels == label)"),
    ("split", "np.minimum(counts, np.maximum(1, np.floor(exact)", "np.minimum(counts, np.maximum(0, np.floor(exact)"),
    ("split", "(-np.arange(len(order)) / (len(order) - 1))", "(-np.arange(len(order)) / len(order))"),
    ("split", "(2 * full * part + whole) // (2 * whole)", "full * part // whole"),
    ("split", "needed = [0, *range(n - 1, 0, -1)][", "needed = [*range(n)]["),
    ("split", "owner, n = labels[first],", "owner, n = labels[: len(first)],"),
    ("split", "np.clip(len(names) - last, 1, len(names) - 2)", "np.clip(len(names) - last, 0, len(names) - 2)"),
    ("leaks", "np.isin(hashes[0], hashes[1]), np.isin(hashes[0], hashes[2])", "np.isin(hashes[0], hashes[1]), np.isin(hashes[0], hashes[1])"),
    ("leaks", "np.isin(hashes[1], hashes[2])", "np.isin(hashes[1], hashes[1][:0])"),
    ("leaks", "leaked, late = in_validation | in_test", "leaked, late = in_test"),
    ("leaks", "hashlib.sha256(row).digest()[:8]", "hashlib.sha256(row[:20]).digest()[:8]"),
    ("leaks", "self.on_test_opened(self.name, len(split), split.digest)", "pass"),
    ("cache", "if not same and files.sha256(folder / name) != facts", "if False and files.sha256(folder / name) != facts"),
    ("cache", "each.stat().st_mtime)[:-KEPT]", "each.stat().st_mtime)[KEPT:]"),
    ("cache", "asdict(options), states, code())", "asdict(options), states)"),
    ("cache", "*_state(path)[:2]] for path in sources]", "0] for path in sources]"),
    ("cache", "*splits, report = leaks.guard(*read())", "*splits, report = *read(), {}"),
    ("cache", "if each.name[:-17] == name]", "if True]"),
    ("balance", "{\"undersample\": np.minimum, \"oversample\": np.maximum}", "{\"undersample\": np.minimum}"),
    ("balance", "weights = (1 / sizes)[inverse]", "weights = (1 / np.sqrt(sizes))[inverse]"),
    ("balance", "rng.permutation(np.flatnonzero(labels == label)) for label", "rng.choice(np.flatnonzero(labels == label), 10) for label"),
    ("balance", "weights = 1 / np.sqrt(counts[inverse])", "weights = 1 / counts[inverse]"),
    ("balance", "if data is not None and plan.data != data:", "if False:"),
    ("scores", "confusion_matrix(labels, predicted, labels=", "confusion_matrix(predicted, labels, labels="),
    ("scores", "np.nanmean(recalls(labels == predicted, labels, int(labels.max()) + 1))", "np.nan_to_num(recalls(labels == predicted, labels, int(labels.max()) + 1)).mean()"),
    ("scores", "precision=precision, f1=f1)", "precision=precision, f1=f1 / 2)"),
    ("scores", "np.argsort(-probabilities, axis=1, kind=\"stable\")\n", "np.argsort(probabilities, axis=1, kind=\"stable\")[:, ::-1]\n"),
    ("scores", "return -np.log(np.clip(label, np.finfo", "return -np.log2(np.clip(label, np.finfo"),
    ("scores", "float(np.abs(np.bincount(place, right - confidence)).sum()", "float(np.bincount(place, right - confidence).sum()"),
    ("scores", "BINS + 1)[1:-1], confidence)", "BINS + 1)[1:-1], confidence, side=\"right\")"),
    ("intervals", "center = (k + z2 / 2) / (n + z2)", "center = divide(k, n)"),
    ("intervals", "tail = stats.norm.cdf(", "stats.norm.cdf("),
    ("intervals", "factor = stats.t.ppf(0.975, freedom)", "factor = stats.norm.ppf(0.975)"),
    ("intervals", "if len(names) > 1 and \"\" not in names else", "if len(names) > 1 else"),
    ("intervals", "_ends(draws - draws.mean() + error, writers)", "_ends(draws, writers)"),
    ("mcnemar", "binomtest(one, one + other).pvalue", "binomtest(min(one, other), one + other, alternative=\"less\").pvalue"),
    ("mcnemar", ".pvalue) if one + other else 1.0", ".pvalue) if one + other else 0.0"),
    ("mcnemar", "ordered * np.arange(len(ordered), 0, -1)", "ordered * len(ordered)"),
    ("mcnemar", "np.zeros(n, np.int64), np.ones(1), (-1, 1))", "np.zeros(n, np.int64), np.ones(1), (0, 1))"),
    ("mcnemar", "drawn[:, 2] - drawn[:, 0]", "drawn[:, 2]"),
    ("calibration", "scaled = (probabilities / highest) ** (1 / temperature)", "scaled = (probabilities / highest) ** temperature"),
    ("calibration", "1 / np.bincount(labels)[labels] if balanced", "1 / np.bincount(labels)[labels] if False"),
    ("calibration", "return fitted if weights @ after < weights @ before else 1.0", "return fitted"),
    ("calibration", "if (probabilities.argmax(axis=1) == labels).all():", "if False:"),
    ("alternatives", "np.nan_to_num((shares + shares.T) / 2)", "np.nan_to_num(np.maximum(shares, shares.T))"),
    ("alternatives", "if best < THRESHOLD:", "if best <= 0:"),
    ("alternatives", "4 / (divide(1, images) + divide(1, images.T))", "images + images.T"),
    ("alternatives", "wrong.groupby(confidence).agg", "wrong.groupby(np.arange(len(wrong))).agg"),
    ("alternatives", "allowed].iloc[-1]", "allowed].iloc[0]"),
    ("alternatives", "frame[::-1].cumsum()", "frame.cumsum()"),
    ("corruptions", "127.5 + (1 - share) * (images - 127.5)", "(1 - share) * images"),
    ("corruptions", "(np.random.default_rng(_digest(image, f\"{corruption}, {seed}\")) for image in chosen)", "(np.random.default_rng(i) for i, _ in enumerate(chosen))"),
    ("params", "above = value > low or (value == low and text[0] == \"[\")", "above = value >= low"),
    ("params", "(value < high or (value == high and text[-1] == \"]\"))", "value <= high + 1"),
    ("params", "if type(value).__name__ != self.item or (", "if (self.item == \"bool\" and type(value) is not bool) or ("),
    ("params", "(self.item == \"float\" and not math.isfinite(value))", "False"),
    ("params", "return value if self.open_choices and FUNCTION.fullmatch(value) else None", "return value if self.open_choices else None"),
    ("params", "if places.keys() == {None}:", "if key == RUN:"),
    ("params", "key=lambda entry: entry[0] != SHARED)", "key=lambda entry: entry[0] == SHARED)"),
    ("params", "resolver.set(SHARED, {} if seed is None else {\"seed\": seed}, f\"{place}, seeds\")", "pass"),
    ("params", "if value is None and self.optional:", "if value is None:"),
    ("files", "os.replace(aside, path)\n", "path.write_bytes(aside.read_bytes()[:-1])\n"),
    ("files", "if not psutil.pid_exists(int(match[1])):", "if True:"),
    ("files", "if aside.parent.is_dir():\n", "if False:\n"),
    ("files", "if seal != digest(facts) and (required or seal is not None):", "if seal != digest(facts) and required:"),
    ("files", "total.update(str(len(value)).encode() + b\":\")", "pass"),
    ("runs", "if by_hand and name != LAB:", "if False:"),
    ("runs", "if all((f / file).is_file() for file in needs)", "if any((f / file).is_file() for file in needs)"),
    ("runs", "stands = record.get(\"status\") == \"done\" and path.parent.name != LAB", "stands = path.parent.name != LAB"),
    ("runs", "if before.get(key) != now[key]:", "if key != \"inputs\" and before.get(key) != now[key]:"),
    ("runs", "if left != there or None in there.values():", "if False:"),
    ("resume", "default_rng([recipe.seed, epoch - 1, i])", "default_rng([recipe.seed, id(trainer) % 999, i])"),
    ("resume", "if state.pop(\"key\") != key:", "if False:"),
    ("resume", "if seal != files.digest(state, *(each.tobytes() for each in arrays.values())):", "if False:"),
    ("resume", "row[\"val_balanced_accuracy\"] > best:", "row[\"val_balanced_accuracy\"] >= best:"),
    ("resume", "np.random.default_rng([recipe.seed, i + 1]).permutation(n)", "np.random.default_rng([recipe.seed]).permutation(n)"),
    ("resume", "for each in (plan.indices, plan.weights)]", "for each in (plan.indices,)]"),
    ("recognizer", "(probabilities / highest) ** (1 / temperature)", "(probabilities / highest) ** temperature"),
    ("recognizer", "if not seen.any():", "if False:"),
    ("recognizer", "return [(self.labels[i], float(probabilities[i])) for i in order]", "return [(self.labels[i], float(probabilities[0])) for i in order]"),
    ("recognizer", "return (self.ink - self.paper) / 255", "return (self.ink - self.paper) / 256"),
    ("recognizer", "images = images.transpose(0, 2, 1)", "images = images[:, ::-1]"),
    ("recognizer", "(ink, paper) if \"inverted\" in words", "(paper, ink) if \"inverted\" in words"),
    ("recognizer", "if answers.min() < 0 or np.abs(answers.sum(axis=1) - 1).max() > rounding:", "if False:"),
    ("recognizer", "first.inputs[0].shape[0] or BATCH", "BATCH"),
    ("pad", "if (np.ptp(stroke, axis=0) < _TAP).all():", "if (np.ptp(stroke, axis=0) < _TAP).any():"),
    ("pad", "min(max(self._now + steps, 0), len(self._states) - 1)", "min(self._now + steps, len(self._states) - 1)"),
    ("pad", "self._states[self._now + 1 :] = [state]", "self._states += [state]"),
    ("pad", "point = float(x / FINE), float(y / FINE)", "point = float(x), float(y)"),
    ("pad", "elif moves and len(touches) == 1:", "elif False:"),
    ("pad", "end + max(self._gap, 4 * (end - begin))", "end"),
    ("pad", "inner *= np.sqrt(np.maximum(turn, 0))", "inner *= 1"),
    ("pad", "if self.error is not None:\n                raise self.error", "if False:\n                raise self.error"),
]  # fmt: skip


def place_of(text: str, sources: dict[Path, str]) -> Path | None:
    """The one file that holds `text` once; None where there is none, or several."""
    found = [path for path, source in sources.items() for _ in range(source.count(text))]
    return found[0] if len(found) == 1 else None


def tested(project: Path, topic: str, limit: float) -> tuple[str, str]:
    """Run a topic's tests: what came of it, and the first test that failed; too slow is caught."""
    variables = os.environ | {"PYTHONPATH": str(project), "PYTHONDONTWRITEBYTECODE": "1"}
    variables = {key: value for key, value in variables.items() if key != "HCR_DATA"}
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-n0"]
    started = subprocess.Popen(
        [*command, *shlex.split(TESTS[topic])], cwd=project, env=variables, text=True, start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = started.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(started.pid, signal.SIGKILL)
        started.communicate()
        return "caught", "timeout"
    failed = [line for line in output.splitlines() if line.startswith(("FAILED", "ERROR"))]
    words = failed[0].split(" - ")[0] if failed else output[-100:].replace("\n", " ")
    return ("caught", words) if started.returncode else ("survived", "")


def main() -> int:
    """Make the mutations that --out lacks, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("mutants.tsv"))
    parser.add_argument("--topic", nargs="*", choices=list(TESTS), help="only these")
    parser.add_argument("--check", action="store_true", help="only look for the texts")
    parser.add_argument("--project", type=Path, default=Path(__file__).resolve().parents[1])
    options = parser.parse_args()
    originals = sorted((options.project / "hcr").rglob("*.py"))
    sources = {path.relative_to(options.project): path.read_text("utf-8") for path in originals}
    lost = [old for _, old, _ in MUTANTS if not place_of(old, sources)]
    print(f"{len(MUTANTS)} mutations, {len(lost)} lost", *lost, sep="\n  ", flush=True)
    if options.check:
        return 1 if lost else 0
    options.out.touch()
    rows = [line.split("\t") for line in options.out.read_text("utf-8").splitlines()]
    done = {tuple(row[1:4]) for row in rows}
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder, options.out.open("a") as out:
        project = Path(folder) / "project"
        shutil.copytree(options.project, project, ignore=SKIPPED, symlinks=True)
        took: dict[str, float] = {}  # s, of the tests on the unchanged code; 0 where they fail
        for topic, old, new in MUTANTS:
            key = topic, old.replace("\n", "\\n"), new.replace("\n", "\\n")
            if key in done or (options.topic and topic not in options.topic):
                continue
            path, began = place_of(old, sources), time.monotonic()
            if topic not in took:
                passes = tested(project, topic, LIMIT)[0] == "survived"
                took[topic] = passes * (time.monotonic() - began)
                print(f"{topic}: {took[topic]:.0f} s unchanged (0: they fail)", flush=True)
                began = time.monotonic()
            outcome, first = "lost" if path is None else "broken", ""
            if path is not None and took[topic]:
                stat = (project / path).stat()
                (project / path).write_text(sources[path].replace(old, new), "utf-8")
                try:
                    outcome, first = tested(project, topic, 30 + 10 * took[topic])
                finally:
                    (project / path).write_text(sources[path], "utf-8")
                    os.utime(project / path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            row = [outcome, *key, f"{time.monotonic() - began:.0f}", str(path or ""), first]
            rows.append(row)
            print("\t".join(row), file=out, flush=True)
            print(f"{outcome:9} {topic}: {old.strip()[:60]}", flush=True)
    for topic in TESTS:
        counts = Counter(row[0] for row in rows if row[1] == topic)
        print(f"{topic:13}", ", ".join(f"{n} {outcome}" for outcome, n in counts.items()))
    print("all:", dict(Counter(row[0] for row in rows)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
