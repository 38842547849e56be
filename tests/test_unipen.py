import emnist_files
import numpy as np
import pytest

from hcr import datasets, runs
from hcr.datasets import DATASETS, Options, Strokes, unipen
from hcr.errors import DataError
from hcr.evaluation.compare_member import Member
from hcr.preprocessing import check_images, from_strokes, labels, synthesis
from hcr.reports import insights

CHARACTERS = "Aac7"
NAMES = ("apa", "app", "tos", "aga", "val", "lou")


def arrays(samples):
    """The file's arrays for (contributor, character, strokes) each."""
    drawings = Strokes.of(strokes for _, _, strokes in samples)
    return {
        "xy": np.rint(drawings.points).astype(np.int16),
        "stroke_ptr": drawings.stroke_ptr.astype(np.int32),
        "sample_ptr": drawings.sample_ptr.astype(np.int32),
        "label": np.array([character for _, character, _ in samples]),
        "writer": np.zeros(len(samples), np.int16),
        "contributor": np.array([NAMES.index(name) for name, _, _ in samples], np.int8),
        "contributor_names": np.array(NAMES),
    }


def samples():
    """A drawing of each of four characters by each contributor, then special ones."""
    found = []
    for j, name in enumerate(NAMES):
        for i, character in enumerate(CHARACTERS):
            strokes = synthesis.character(character, [i, j])
            found.append((name, character, [np.rint(1000 * stroke) for stroke in strokes]))
    return found


def write(monkeypatch, tmp_path, **parts):
    folder = tmp_path / "data" / "unipen"
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / unipen.FILE, **parts)
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "data"))
    return folder / unipen.FILE


def read(monkeypatch, tmp_path, found, name="unipen"):
    write(monkeypatch, tmp_path, **arrays(found))
    return unipen.read(name, Options())


def test_names():
    assert {name for name in DATASETS if name.startswith("unipen")} == set(unipen.CHARACTERS)
    for name, n in (("unipen", 47), ("unipen-62", 62)):
        info = unipen.info(name, Options())
        assert len(info.characters) == n
        assert "CC BY 4.0" in info.licence
        assert "research purposes" in info.licence
        assert "10.5281/zenodo.1195803" in info.citation
        assert info.caveat == ""


def test_split_by_contributor(monkeypatch, tmp_path):
    train, validation, test = read(monkeypatch, tmp_path, samples())
    assert sorted(set(train.writers)) == ["apa", "app"]
    assert sorted(set(validation.writers)) == ["tos"]
    assert sorted(set(test.writers)) == ["aga", "val"]
    assert [len(split) for split in (train, validation, test)] == [8, 4, 8]
    for split in (train, validation, test):
        check_images(split.images)
        assert len(split.strokes) == len(split.writers) == len(split)
        for i in range(len(split)):
            assert (from_strokes(split.strokes[i]) == split.images[i]).all()


def test_labels_of_both_sets(monkeypatch, tmp_path):
    (train, _, _) = read(monkeypatch, tmp_path, samples())
    assert [labels.BALANCED[i] for i in train.labels] == [*"AaC7"] * 2
    (train, _, _) = read(monkeypatch, tmp_path, samples(), "unipen-62")
    assert [labels.BYCLASS[i] for i in train.labels] == [*"Aac7"] * 2
    assert train.labels.dtype == np.int64


@pytest.mark.parametrize("first", ["emnist-subset", "emnist-balanced"])
def test_drawings_beside_pictures(monkeypatch, tmp_path, first):
    write(monkeypatch, tmp_path, **arrays(samples()))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    for name in ("train", "test"):
        content = emnist_files.contents(first, name, *emnist_files.drawn(first, name, 470))
        emnist_files.write(tmp_path / "data" / "emnist", content)
    alone = datasets.load(first)
    both = datasets.load(f"{first}+unipen")
    n = len(alone.train)
    assert both.train.sources.tolist() == [0] * n + [1] * 8
    assert (both.train.images[:n] == alone.train.images).all()
    drawings = datasets.load("unipen").train
    assert (both.train.images[n:] == drawings.images).all()
    assert (both.train.labels[n:] == drawings.labels).all()
    assert both.train.writers.tolist() == [""] * n + drawings.writers.tolist()
    for name in ("validation", "test"):
        assert getattr(both, name).digest == getattr(alone, name).digest
        assert getattr(both, name).sources is None
    # From the cache as well, and with a part of the pictures.
    less = datasets.load(f"{first}+unipen", limit=200).train
    places = [
        int(np.flatnonzero((both.train.images == each).all(axis=(1, 2)))[0]) for each in less.images
    ]
    assert less.sources.tolist() == both.train.sources[places].tolist()
    assert less.writers.tolist() == both.train.writers[places].tolist()
    assert "UNIPEN" in both.caveat
    assert "UNIPEN" in both.title
    assert "NIST" in both.info.licence
    assert "CC BY 4.0" in both.info.licence


def test_copies_and_dots_are_left_out(monkeypatch, tmp_path):
    found = samples()
    a, seven = found[0][2], found[3][2]
    dot = [np.full((2, 2), 230.0)]
    extra = [
        ("app", "A", a),  # a copy of train's
        ("app", "a", a),  # not a copy: another label
        ("app", "A", [np.concatenate(a)]),  # nor this: another stroke
        ("aga", "7", seven),  # the test split's stays, apa's goes
        ("apa", "c", dot),
        ("apa", "c", dot),
        ("app", "7", [np.array([[5.0, 5.0]])]),
    ]
    train, validation, test = read(monkeypatch, tmp_path, found + extra)
    assert (len(train), len(validation), len(test)) == (8 - 1 + 2, 4, 8 + 1)
    whose = train.writers[train.labels == labels.BALANCED.index("7")]
    assert whose.tolist() == ["app"]
    strokes, characters, contributors = unipen.load(
        write(monkeypatch, tmp_path, **arrays(found + extra))
    )
    kept, report = unipen.distinct(strokes, characters, unipen.split(contributors))
    assert report == {"copies": 3, "dots": 2}
    assert len(kept) == len(found + extra) - 5
    assert (np.diff(kept) > 0).all()


def test_drawings_of_contributors_come_without_pictures(monkeypatch, tmp_path):
    write(monkeypatch, tmp_path, **arrays(samples()))
    found, characters, contributors = unipen.drawings_of(["val", "lou"])
    assert characters.tolist() == [*CHARACTERS, *CHARACTERS]
    assert contributors.tolist() == ["val"] * 4 + ["lou"] * 4
    expected = [strokes for name, _, strokes in samples() if name in ("val", "lou")]
    for one, other in zip(found, expected, strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_allclose(mine, np.rint(theirs))


def test_an_evaluation_asks_the_test_splits_contributors_and_says_so(monkeypatch, tmp_path):
    write(monkeypatch, tmp_path, **arrays(samples()))
    monkeypatch.setenv("HCR_RUN", "quick")
    run = runs.open("quick", "04_evaluate")
    own = {"digest": "d1" * 32, "n": 7, "dataset": "emnist-subset"}
    run.record_data({"name": own["dataset"]})
    run.test_opened(own["dataset"], own["n"], own["digest"])
    found, characters, contributors = insights.people.asked("unipen", run)
    assert len(found) == 8
    assert characters.tolist() == [*CHARACTERS, *CHARACTERS]
    assert sorted(set(contributors.tolist())) == ["aga", "val"]
    record = runs.read(run.folder)
    (entry,) = record["test_openings"][1:]
    assert {key: entry[key] for key in ("stage", "dataset", "n")} == {
        "stage": "04_evaluate", "dataset": "unipen", "n": 8,
    }  # fmt: skip
    # Other drawings, another digest; the same ones, the same.
    insights.people.asked("unipen", run)
    write(monkeypatch, tmp_path, **arrays(samples()[::-1]))
    insights.people.asked("unipen", run)
    record = runs.read(run.folder)
    first, again, other = (each["digest"] for each in record["test_openings"][1:])
    assert first == again != other
    # The test split of the run's own data set was opened once.
    member = Member("quick", run.folder, record, {})
    assert [each["digest"] for each in member.openings] == [own["digest"]]
    assert member.test == own["digest"]


def test_one_of_each_class_by_those_of_the_validation_split(monkeypatch, tmp_path):
    write(monkeypatch, tmp_path, **arrays(samples()))
    found, classes, contributors = unipen.one_each(labels.BALANCED, 0)
    # c is C there.
    assert classes == ["7", "A", "C", "a"]
    assert set(contributors) == {"tos"}
    assert len(found) == 4
    assert unipen.one_each("0123456789", 0)[1] == ["7"]
    monkeypatch.setenv("HCR_DATA", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    assert unipen.one_each(labels.BALANCED, 0) == ([], [], [])


def test_a_missing_file_says_where_it_is_from(monkeypatch, tmp_path):
    monkeypatch.setenv("HCR_DATA", str(tmp_path))
    monkeypatch.setenv("HCR_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match="zenodo") as caught:
        unipen.sources("unipen", Options())
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_file_cut_short(monkeypatch, tmp_path, share):
    path = write(monkeypatch, tmp_path, **arrays(samples()))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(DataError, match=r"whole \.npz file.*Copy it again"):
        unipen.read("unipen", Options())


def test_a_file_that_is_no_archive(monkeypatch, tmp_path):
    path = write(monkeypatch, tmp_path, **arrays(samples()))
    for content in (b"<html>404</html>", b""):
        path.write_bytes(content)
        with pytest.raises(DataError, match="Copy it again"):
            unipen.read("unipen", Options())
    with open(path, "wb") as file:
        np.save(file, np.arange(3))
    with pytest.raises(DataError, match="Copy it again"):
        unipen.read("unipen", Options())


def test_a_damaged_file(monkeypatch, tmp_path):
    path = write(monkeypatch, tmp_path, **arrays(samples()))
    content = bytearray(path.read_bytes())
    content[400:500] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(DataError, match="Copy it again"):
        unipen.read("unipen", Options())


def changed(key, change):
    parts = arrays(samples())
    parts[key] = change(parts[key].copy())
    return parts


def put(index, value):
    def change(array):
        array[index] = value
        return array

    return change


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("xy", lambda xy: xy[:-1], "a stroke_ptr that does not rise from 0"),
        ("xy", lambda xy: xy.astype(float) * np.nan, "points xy that are not numbers"),
        ("xy", lambda xy: xy[:, :1], "points xy that are not numbers"),
        ("stroke_ptr", put(3, 0), "a stroke_ptr that does not rise"),
        ("stroke_ptr", put(0, 1), "a stroke_ptr that does not rise"),
        ("stroke_ptr", lambda ptr: ptr[::-1].astype(np.uint32), "a stroke_ptr that does"),
        ("stroke_ptr", lambda ptr: ptr.astype(float), "a stroke_ptr that does"),
        ("sample_ptr", put(-1, 3), "a sample_ptr that does not rise"),
        ("sample_ptr", lambda ptr: ptr[:0], "a sample_ptr that does not rise"),
        ("label", lambda label: label[1:], "not one label and one contributor"),
        ("label", put(2, "?"), r"the label '\?'"),
        ("contributor", lambda who: who[1:], "not one label and one contributor"),
        ("contributor", put(2, 6), "a contributor without a name"),
        ("contributor", put(2, -1), "a contributor without a name"),
    ],
)
def test_parts_that_do_not_go_together(monkeypatch, tmp_path, key, change, message):
    write(monkeypatch, tmp_path, **changed(key, change))
    with pytest.raises(DataError, match=message):
        unipen.read("unipen", Options())


def test_a_missing_part_and_a_missing_split(monkeypatch, tmp_path):
    parts = arrays(samples())
    del parts["sample_ptr"]
    write(monkeypatch, tmp_path, **parts)
    with pytest.raises(DataError, match="sample_ptr"):
        unipen.read("unipen", Options())
    with pytest.raises(DataError, match="the test split's contributors"):
        read(monkeypatch, tmp_path, [each for each in samples() if each[0] in ("apa", "tos")])


@pytest.fixture(scope="module")
def whole():
    """All drawings of the real file, as they are."""
    (path,) = unipen.sources("unipen", Options())
    return unipen.load(path)


@pytest.mark.data
def test_the_real_file(whole):
    strokes, characters, contributors = whole
    assert len(strokes) == len(characters) == 105_382
    assert len(set(contributors)) == 21
    assert set(characters) == set(labels.BYCLASS)
    assert {*unipen.VALIDATION, *unipen.TEST, *unipen.ASIDE} <= set(contributors)
    parts = unipen.split(contributors)
    kept, report = unipen.distinct(strokes, characters, parts)
    assert report == {"copies": 2423, "dots": 17}
    assert np.bincount(parts[kept]).tolist() == [73_617, 4_923, 24_369, 33]
    writers = [set(contributors[kept][parts[kept] == part]) for part in range(4)]
    assert [len(each) for each in writers] == [12, 2, 6, 1]
    assert len(set.union(*writers)) == 21


@pytest.mark.data
def test_the_real_file_stands_upright(whole):
    """The mean picture of a class is more like the drawn form than like that form turned."""
    strokes, characters, contributors = whole
    rng = np.random.default_rng(0)
    those = unipen.split(contributors) == 0
    for character in "LFJ7PAT":
        chosen = rng.permutation(np.flatnonzero(those & (characters == character)))[:60]
        mean = np.mean([from_strokes(strokes[i]) for i in chosen], axis=0)
        drawn = from_strokes(synthesis.character(character)).astype(float)
        turned = [drawn.T, drawn[::-1], drawn[:, ::-1], drawn[::-1, ::-1]]
        likeness = [np.corrcoef(mean.ravel(), each.ravel())[0, 1] for each in (drawn, *turned)]
        assert np.argmax(likeness) == 0, (character, likeness)


@pytest.mark.data
def test_strokes_and_pictures_of_the_real_file_go_together(whole, monkeypatch):
    """Read with a tenth of the drawings, which takes a tenth of the time."""
    strokes, characters, contributors = whole
    tenth = np.arange(0, len(strokes), 10)
    few = strokes.take(tenth), characters[tenth], contributors[tenth]
    monkeypatch.setattr(unipen, "load", lambda path: few)
    for split in unipen.read("unipen-62", Options()):
        assert (np.bincount(split.labels, minlength=62) > 0).all()
        for i in range(0, len(split), 200):
            assert (from_strokes(split.strokes[i]) == split.images[i]).all()
