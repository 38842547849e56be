"""A person's own drawings through the notebooks: the network is fine-tuned on them, and says so."""

import keras
import pytest
from conftest import run_all

from hcr import models
from hcr.datasets import drawings_file as drawings
from hcr.preprocessing import labels, synthesis
from hcr.runs import files

pytestmark = pytest.mark.slow

STAGES = ("--from", "02_balance", "--to", "04_evaluate")


@pytest.fixture(scope="module")
def own(tmp_path_factory) -> dict[str, str]:
    """The variables of a person who drew ten characters five times, and who has a network."""
    folder = tmp_path_factory.mktemp("own")
    start = folder / "start"
    start.mkdir()
    keras.utils.set_random_seed(0)
    net = models.build("hcr_small", 47)
    net.save(start / "model.keras")
    net.export(str(start / "model.tflite"), format="litert", verbose=False)
    files.write_json(start / "labels.json", {"characters": list(labels.BALANCED)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HCR_DRAWINGS", str(folder / "drawings"))
        for i in range(5):
            for character in "0123456789":
                strokes = [200 * each + 40 for each in synthesis.character(character, i)]
                drawings.append(character, strokes, size=280)
    return {"HCR_DRAWINGS": str(folder / "drawings"), "start": str(start)}


def test_it_is_fine_tuned_and_says_what_that_was_worth(own, tmp_path):
    """As `params/my_hand.yaml` does it, with a network that knows nothing yet."""
    given = {
        "shared.dataset": "drawings",
        "03_train.start": own["start"],
        "03_train.epochs": 8,
        "03_train.batch_size": 8,
    }
    words = [word for key, value in given.items() for word in ("-p", f"{key}={value}")]
    variables = {"HCR_DRAWINGS": own["HCR_DRAWINGS"]}
    done = run_all("--run", "hand", *STAGES, *words, outputs=tmp_path, **variables)
    assert done.code == 0, done.text
    folder = tmp_path / "hand"
    metrics = files.read_json(folder / "metrics.json")
    train, test = metrics["03_train"], metrics["04_evaluate"]
    assert test["n"] == 10
    # A network that knew nothing has learned ten characters.
    assert train["best_epoch"] > 0
    for scores in (train, test):
        gained = scores["gain"]
        assert scores["start_accuracy"] < 0.4 < scores["start_accuracy"] + gained["difference"]
        assert gained["low"] > 0
    about = files.read_json(folder / "labels.json")
    assert about["start"] == own["start"]
    assert about["temperature"] == 1
    record = files.read_json(folder / "run.json")
    assert record["data"]["counts"] == {"train": 30, "validation": 10, "test": 10}
