"""The study: equal steps, validation only, resumed where it stood; and how sure its figures are."""

import dataclasses

import keras
import numpy as np
import pytest
import trained

from hcr import datasets, runs
from hcr.datasets import balancing
from hcr.errors import ModelError, ParameterError
from hcr.evaluation import study
from hcr.evaluation.seeds import recalls, spread
from hcr.evaluation.study import BASELINE, Comparison, Settings
from hcr.models import network, training
from hcr.models.batches import Batches

TINY = Settings(6, 32, model="test_study:tiny", learning_rate=0.02, augmentation="none")
STRATEGIES = ("none", "undersample", "class_weight", "logit_adjust")


def tiny(n_classes: int) -> keras.Model:
    """A network that is built and trained in no time."""
    return small(keras.layers.Dense(n_classes), keras.layers.Softmax())


def small(*last: keras.Layer) -> keras.Model:
    inputs = keras.Input((28, 28), dtype="uint8")
    x = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    for layer in last:
        x = layer(x)
    return keras.Model(inputs, x, name="small")


def closed() -> datasets.Split:
    raise AssertionError("the test split was opened")


@pytest.fixture(scope="module")
def data() -> datasets.Data:
    """Digits of which the last are rare, 100 to choose on, and a test split that stays closed."""
    found = datasets.load("mnist-sample", limit=1000, imbalance_factor=20)
    found.validation = found.validation.take(
        datasets.split.stratified_sample(found.validation.labels, 100, 0, 10)
    )
    found.read_test = closed
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("study")


@pytest.fixture(scope="module")
def first(data, folder) -> Comparison:
    return study.compare(data, STRATEGIES, (0, 1), folder, TINY, per_class=10)


def test_each_strategy_is_trained_with_each_seed_and_none_twice(first, data, folder):
    assert first.strategies == STRATEGIES
    assert first.right.shape == (4, 2, 100)
    # logit_adjust corrects what none answered: two seeds of three trainings.
    assert first.trained == len(list(folder.glob("*.npz"))) == 6
    assert first.draws == {
        "none": len(data.train), "undersample": 100, "class_weight": len(data.train),
        "logit_adjust": len(data.train),
    }  # fmt: skip
    assert first.rare == ("8", "9")
    frame = first.runs()
    assert frame[["strategy", "seed"]].to_numpy().tolist() == [
        [name, seed] for name in STRATEGIES for seed in (0, 1)
    ]
    np.testing.assert_allclose(frame["validation accuracy"], first.right.mean(axis=2).ravel())
    assert {f"recall of {digit}" for digit in range(10)} <= set(frame)


def test_the_second_call_trains_nothing_and_says_the_same(first, data, folder, monkeypatch, capsys):
    monkeypatch.setattr(training, "fit_steps", None)
    again = study.compare(data, STRATEGIES, (0, 1), folder, TINY, per_class=10)
    assert again.trained == 0
    np.testing.assert_array_equal(again.right, first.right)
    assert capsys.readouterr().out == "found 6 of 6 trainings of before\n"


def test_a_study_that_was_stopped_goes_on_and_ends_the_same(
    first, data, folder, tmp_path, monkeypatch, capsys
):
    real, left = training.fit_steps, [0, 1, 2, 3]

    def fit_or_stop(*args):
        if not left:
            raise KeyboardInterrupt
        left.pop()
        return real(*args)

    monkeypatch.setattr(training, "fit_steps", fit_or_stop)
    with pytest.raises(KeyboardInterrupt):
        study.compare(data, STRATEGIES, (0, 1), tmp_path, TINY, per_class=10)
    said = capsys.readouterr().out
    assert "training 1/6  none, seed 0  val_accuracy 0." in said
    assert "training 4/6" in said
    # Of the four, one was cut short by a full disk.
    broken = sorted(tmp_path.glob("*.npz"))[0]
    broken.write_bytes(broken.read_bytes()[:100])
    left.extend([0, 1, 2])
    again = study.compare(data, STRATEGIES, (0, 1), tmp_path, TINY, per_class=10)
    assert again.trained == 3
    assert capsys.readouterr().out.startswith("found 3 of 6 trainings of before\ntraining 4/6")
    np.testing.assert_array_equal(again.right, first.right)


def test_other_data_settings_or_code_are_trained_anew(first, data, folder, monkeypatch):
    plan = balancing.plan(data.train.labels)
    before = study._Trainer(data, TINY, folder).path(0, plan)
    assert before.is_file()
    others = [
        study._Trainer(data, dataclasses.replace(TINY, steps=7), folder).path(0, plan),
        study._Trainer(data, TINY, folder).path(2, plan),
        study._Trainer(data, TINY, folder).path(0, balancing.plan(data.train.labels, "cap")),
        study._Trainer(datasets.load("mnist-sample"), TINY, folder).path(0, plan),
    ]
    monkeypatch.setattr(training, "code_digest", lambda model: "other")
    others.append(study._Trainer(data, TINY, folder).path(0, plan))
    assert len({before, *others}) == 6
    assert not any(path.exists() for path in others[:2] + others[3:])


def test_logit_adjust_reads_what_none_answered(first, data, folder):
    plan = balancing.plan(data.train.labels)
    path = study._Trainer(data, TINY, folder).path(0, plan)
    with np.load(path) as saved:
        answers = saved["probabilities"]
    labels = data.validation.labels
    np.testing.assert_array_equal(first.right[0, 0], answers.argmax(axis=1) == labels)
    adjusted = answers / np.bincount(data.train.labels)
    np.testing.assert_array_equal(first.right[3, 0], adjusted.argmax(axis=1) == labels)
    assert (first.right[3] != first.right[0]).any()


def test_none_is_added_and_first():
    found = Comparison(
        ("none", "cap"), (0,), np.ones((2, 1, 3), bool), np.arange(3), "abc", np.ones(3) / 3
    )
    assert found.runs()["strategy"].tolist() == ["none", "cap"]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"rare": ["I"]}, "must be of the data set: 0123456789. Received: I."),
        ({"seeds": ()}, "needs seeds, each once. Received: []"),
        ({"seeds": (1, 1)}, "Received: [1, 1]"),
        ({"strategies": ["cup"]}, "no strategy 'cup'. Did you mean 'cap'"),
    ],
)
def test_a_wrong_argument_is_told_before_anything_is_trained(data, tmp_path, changed, message):
    given = {"strategies": ["cap"], "seeds": (0,), "rare": None} | changed
    with pytest.raises(ParameterError) as error:
        study.compare(data, given["strategies"], given["seeds"], tmp_path, TINY, rare=given["rare"])
    assert message in str(error.value)
    assert not list(tmp_path.iterdir())


def test_answers_that_are_no_numbers_are_told_and_not_kept(data, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "predict", lambda net, images: np.full((len(images), 10), np.nan))
    with pytest.raises(ModelError, match="Received: NaN on the validation split, with seed 0"):
        study.compare(data, ["none"], (0,), tmp_path, TINY)
    assert not list(tmp_path.iterdir())


# The measures


def hand() -> Comparison:
    """Of three a and one b, `none` reads two a; `cap` two a and the b."""
    right = np.array([[[1, 1, 0, 0]], [[1, 1, 0, 1]]], bool)
    labels, shares = np.array([0, 0, 0, 1]), np.array([0.1, 0.9])
    return Comparison(("none", "cap"), (0,), right, labels, ("a", "b"), shares, ("b",))


def test_the_measures_by_hand():
    frame = hand().runs()
    # Recalls: 2/3 and 0; 2/3 and 1. In the training split one of ten is an a.
    assert frame["plain accuracy"].tolist() == pytest.approx([0.1 * 2 / 3, 0.1 * 2 / 3 + 0.9])
    assert frame["balanced accuracy"].tolist() == pytest.approx([1 / 3, 5 / 6])
    assert frame["validation accuracy"].tolist() == [0.5, 0.75]
    assert frame["recall of b"].tolist() == [0, 1]
    summary = hand().summary().set_index(["strategy", "measure"])
    assert summary.loc[("cap", "plain accuracy"), "difference"] == pytest.approx(0.9)
    assert np.isnan(summary.loc[("none", "plain accuracy"), "difference"])
    assert summary.loc[("cap", "recall of b"), "n"] == 1
    assert summary.loc[("cap", "plain accuracy"), "n"] == 4
    assert hand().shown == ["plain accuracy", "balanced accuracy", "recall of b"]


def test_a_class_without_validation_pictures_is_left_out():
    right, labels = np.array([[[1, 0]]], bool), np.array([0, 2])
    found = Comparison(
        ("none",), (0,), right, labels, tuple("abc"), np.array([0.2, 0.5, 0.3]), ("b",)
    )
    assert set(found.measures) == {"plain accuracy", "balanced accuracy", "validation accuracy"}
    row = found.runs().iloc[0]
    assert row["plain accuracy"] == pytest.approx(0.2 / 0.5)
    assert row["balanced accuracy"] == 0.5
    assert np.isnan(row["recall of b"])


def test_the_table_and_the_verdict_say_the_same():
    table = hand().table()
    assert table["strategy"].tolist() == ["none", "cap", ""]
    assert table["plain accuracy"].iloc[2].startswith("+90.0 (")
    value, note = hand().texts("validation accuracy")["cap"]
    assert value == "75.0 %"
    assert note.startswith("95 %: ")
    assert note.endswith("; n = 4, 1 seed")
    verdict = hand().verdict("cap")
    assert verdict.startswith("cap")
    assert "better: plain accuracy +90.0" in verdict
    # One picture tells nothing.
    assert "not told apart: recall of b +100.0 (" in verdict
    assert verdict.endswith("n = 4 validation pictures, 1 seed.")


@pytest.fixture
def run(tmp_path):
    made = runs.Run("quick", "02_balance", tmp_path / "quick", by_hand=False)
    made.folder.mkdir()
    return made


def test_a_study_that_is_off_is_one_line(run):
    shown = study.account(run, None)
    assert repr(shown).startswith("The study is off")
    assert "-p 02_balance.study=true" in shown._repr_html_()
    assert shown._repr_html_().count("<p") == 1
    assert not list(run.folder.iterdir())
    assert study.headlines(None) == []


def test_a_study_is_shown_in_one_piece_and_its_files_are_left(run):
    html = study.account(run, hand())._repr_html_()
    # The report takes it as ours by its beginning.
    assert html.startswith('<div class="hcr-')
    places = [html.index(part) for part in ("Plain accuracy is", "<figure", "Each dot", "<table")]
    assert places == sorted(places)
    assert hand().verdict("cap").replace("%", " %").split(" against")[0] in html
    assert "The first line answers" not in html
    left = {path.name for path in run.folder.rglob("*.*")}
    assert {"02_study.svg", "02_study.csv", "02_study_runs.csv"} <= left
    (none, cap) = study.headlines(hand())
    assert (none.key, cap.key) == ("study_none", "study_cap")
    assert cap.text == "83.3 %"
    assert cap.headline
    assert cap.note.endswith("n = 4, 1 seed")


def test_the_few_pictures_come_first_in_words_and_markup_is_text(run):
    right = np.zeros((3, 1, 4), bool)
    found = dataclasses.replace(
        hand(), strategies=("none", "cap", "undersample"), right=right, characters=("a", "<b>")
    )
    html = study.account(run, dataclasses.replace(found, rare=("<b>",)))._repr_html_()
    assert html.index("<li>undersample") < html.index("<li>cap")
    assert "The first line answers" in html
    assert "<b>" not in html


def test_the_interval_of_one_seed_is_that_of_a_stratified_mean():
    labels = np.repeat([0, 1], [50, 200])
    right = np.zeros((1, 250))
    right[0, :40], right[0, 50:230] = 1, 1
    value, low, high = spread(right, labels, np.array([0.5, 0.5]), (0, 1))
    assert value == pytest.approx((40 / 50 + 180 / 200) / 2)
    error = np.sqrt(0.25 * (0.8 * 0.2 / 49 + 0.9 * 0.1 / 199))
    assert (high - value, value - low) == pytest.approx((1.96 * error, 1.96 * error), rel=1e-3)


def test_a_bootstrap_within_the_classes_gives_the_same_interval():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [80, 150, 300])
    base = rng.random(530) < 0.9
    values = ((rng.random(530) < 0.95) & base).astype(int) - base
    weights = np.array([0.5, 0.3, 0.2])
    _, low, high = spread(values[None], labels, weights, (-1, 1))
    drawn = [
        sum(
            w * rng.choice(values[labels == c], (labels == c).sum()).mean()
            for c, w in enumerate(weights)
        )
        for _ in range(4000)
    ]
    assert np.quantile(drawn, [0.025, 0.975]) == pytest.approx([low, high], abs=0.003)


def test_the_interval_of_many_pictures_is_that_of_the_seeds():
    labels = np.zeros(10**5, int)
    shares = [0.80, 0.82, 0.87]
    right = np.array([np.arange(10**5) < share * 10**5 for share in shares])
    value, _, high = spread(right, labels, np.array([1.0]), (0, 1))
    assert value == pytest.approx(np.mean(shares))
    # Student's t of two degrees of freedom.
    assert high - value == pytest.approx(4.303 * np.std(shares, ddof=1) / np.sqrt(3), rel=0.02)


def test_a_class_that_is_read_without_an_error_has_an_interval():
    labels = np.zeros(40, int)
    value, low, high = spread(np.ones((2, 40)), labels, np.array([1.0]), (0, 1))
    assert (value, high) == (1, 1)
    assert 0.93 < low < 0.99
    value, low, high = spread(np.zeros((2, 40)), labels, np.array([1.0]), (-1, 1))
    assert value == 0
    assert low == pytest.approx(-high)
    assert 0.02 < high < 0.08


def test_the_interval_holds_the_truth_about_as_often_as_it_says():
    rng, held, labels = np.random.default_rng(0), 0, np.repeat(np.arange(10), 60)
    for _ in range(300):
        easy = rng.beta(9, 1, 600)
        networks = [rng.random(600) < easy + rng.normal(0, 0.005) for _ in range(3)]
        _, low, high = spread(np.array(networks), labels, np.full(10, 0.1), (0, 1))
        held += low <= 0.9 <= high
    assert 0.92 <= held / 300 <= 0.995


def test_recalls_of_classes_without_pictures_are_undefined():
    found = recalls(np.array([1, 0, 1]), np.array([0, 0, 2]), 3)
    np.testing.assert_array_equal(found, [0.5, np.nan, 1])


# What the study asks of training


def test_a_number_of_steps_takes_whole_passes_and_full_batches():
    plan = balancing.plan(trained.data().train.labels, "undersample", per_class=5)
    batches = Batches(trained.data().train, plan, 32, 0, 0, steps=5)
    assert len(batches) == 5
    assert [len(batches[i][1]) for i in range(5)] == [32] * 5
    drawn = batches.order
    assert sorted(drawn[:50]) == sorted(drawn[50:100]) == list(range(50))
    assert drawn[:50].tolist() != drawn[50:100].tolist()
    assert len(drawn) == 160
    batches.on_epoch_end()
    assert batches.epoch == 4


def test_a_network_of_so_many_steps_is_the_same_twice():
    found = trained.data()
    plan = balancing.plan(found.train.labels, "class_weight")
    recipe = trained.recipe(model=TINY.model)
    nets = [training.fit_steps(recipe, found.train, plan, 10, 3) for _ in range(2)]
    for one, other in zip(*(net.get_weights() for net in nets), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_plan_with_tau_gives_a_network_that_answers_without_the_prior(data, tmp_path):
    plain, plan = (
        balancing.plan(data.train.labels, "none"),
        balancing.plan(data.train.labels, "logit_adjust", tau=0.7),
    )
    recipe = trained.recipe(epochs=2, model=TINY.model, augmentation="none")
    args = recipe, data.train, data.validation
    before = training.fit(*args, plain, 10, tmp_path / "plain")
    after = training.fit(*args, plan, 10, tmp_path / "adjusted")
    if before.best_epoch == after.best_epoch:
        pictures = data.validation.images
        shares = balancing.prior(np.bincount(data.train.labels))
        expected = balancing.adjust(training.predict(before.model, pictures), shares, 0.7)
        np.testing.assert_allclose(training.predict(after.model, pictures), expected, atol=1e-5)
    # The training itself is the same; what is judged is the network as it will answer.
    assert after.history["loss"].tolist() == before.history["loss"].tolist()
    assert after.history["val_loss"].tolist() != before.history["val_loss"].tolist()
    found = network.validate(after.model, data.validation)
    best = after.history.set_index("epoch").loc[after.best_epoch]
    assert found["val_loss"] == pytest.approx(best["val_loss"])
    # Neither checkpoint nor exported files of the one are taken for the other's.
    again = training.fit(*args, plan, 10, tmp_path / "plain")
    assert again.trained == 2
    assert training.exporting._weights_digest(again.model) != training.exporting._weights_digest(
        before.model
    )


@pytest.mark.parametrize(
    "last",
    [
        (keras.layers.Dense(3), keras.layers.Softmax()),
        (keras.layers.Dense(3, activation="softmax"),),
        (keras.layers.Dense(3), keras.layers.Activation("softmax")),
    ],
)
def test_every_usual_end_of_a_network_can_be_shifted_and_comes_back(last):
    net, pictures = small(*last), np.arange(4 * 784, dtype=np.uint8).reshape(4, 28, 28)
    shares = np.array([0.7, 0.2, 0.1])
    before = training.predict(net, pictures)
    with training.shifted(net, np.log(shares)):
        found = training.predict(net, pictures)
    np.testing.assert_allclose(found, balancing.adjust(before, shares), atol=1e-6)
    np.testing.assert_array_equal(training.predict(net, pictures), before)


@pytest.mark.parametrize(
    "last",
    [
        (keras.layers.Dense(3, use_bias=False), keras.layers.Softmax()),
        (keras.layers.Dense(3, activation="relu"), keras.layers.Softmax()),
        (keras.layers.Dense(3, activation="sigmoid"),),
        (keras.layers.Dense(3), keras.layers.ReLU(), keras.layers.Softmax()),
    ],
)
def test_a_network_that_ends_otherwise_is_refused(last):
    said = pytest.raises(ModelError, match="ends in a Dense layer with a bias and a Softmax. Rec")
    with said, training.shifted(small(*last), np.zeros(3)):
        pass


def test_the_baseline_is_a_strategy():
    assert BASELINE in balancing.STRATEGIES
