"""The five projects' params files: each asks for what its project does."""

import json
import zipfile
from pathlib import Path

import pytest

from hcr import models, pipeline, recognizer
from hcr.models import training
from hcr.pipeline import params

PROJECT = Path(__file__).resolve().parents[1]
AZ, BALANCED = "mnist+az", "emnist-balanced"

# File: data set, network, batch, epochs, pictures a class, and what else its training has.
FIVE = {
    "mnist_nist_all": (AZ, "mnist_nist", 512, 10, None, {}),
    "mnist_nist_1000": (AZ, "mnist_nist", 512, 10, 1000, {}),
    "mnist_nist_deep": (
        AZ, "mnist_nist_deep", 64, 30, 1000, {"augmentation": "rotate_zoom_shift"},
    ),
    "emnist_cnn": (BALANCED, "emnist_cnn", 512, 20, None, {}),
    "digits_nine_layer": ("mnist", "digits_nine_layer", 200, 10, None, {}),
    "emnist_bn3": (
        BALANCED, "emnist_bn3", 64, 20, None,
        {"schedule": "plateau", "plateau_patience": 2, "plateau_factor": 0.1},
    ),
    "az_mnist_initial": (
        AZ, "az_mnist", 32, 6, None, {"clipnorm": 0.9, "gradient_norms": True, "limit": 252_000},
    ),
    "az_mnist": (AZ, "az_mnist", 32, 6, None, {"clipnorm": 0.9, "gradient_norms": True}),
}  # fmt: skip

OURS = "hcr_net", "hcr_net_taught", "hcr_net_pen", "emnist_first", "emnist_second", "emnist"


@pytest.fixture(scope="module")
def declared() -> dict:
    stages = pipeline.load_stages(PROJECT / "notebooks")
    return {name: list(stage.parameters) for name, stage in stages.items()}


def resolved(name: str, declared: dict) -> dict:
    return params.resolve(params.read_file(PROJECT / "params" / f"{name}.yaml"), declared, {})


@pytest.mark.parametrize("name", FIVE)
def test_a_file_asks_for_its_projects_recipe(name, declared):
    dataset, model, batch, epochs, per_class, others = FIVE[name]
    found = resolved(name, declared)
    train = {
        "dataset": dataset,
        "model": model,
        "batch_size": batch,
        "epochs": epochs,
        "learning_rate": 1e-3,
        "augmentation": "none",
        "schedule": "constant",
        "clipnorm": None,
        "gradient_norms": False,
        "limit": None,
        "seed": 0,
    } | others
    assert {key: found["03_train"][key] for key in train} == train
    strategy = "none" if per_class is None else "undersample"
    plan = {"strategy": strategy, "per_class": per_class, "dataset": dataset}
    assert {key: found["02_balance"][key] for key in plan} == plan


@pytest.mark.parametrize("name", [*FIVE, *OURS])
def test_a_file_names_its_source_and_what_it_was_run_on(name):
    text = (PROJECT / "params" / f"{name}.yaml").read_text(encoding="utf-8")
    header = [line for line in text.splitlines() if line.startswith("#")]
    assert header[0].endswith(f"uv run run_all.py params/{name}.yaml")
    assert all(len(line) <= 100 for line in header)
    owners = ("andreanlay/", "parnamondal/", "jamesY777/", "barkiayoub/", "JRaul7/")
    assert name in OURS or any(owner in text for owner in owners)
    # Figures carry their n and machine; without a real run the file says so.
    assert ("n = " in text and "cores" in text) or "Not run yet" in text
    if f"dataset: {AZ}" in text:
        assert "mnist+emnist-upper-local" in text


def test_the_suite_holds_every_project_and_ours_on_one_data_set(declared):
    suite = params.read_file(PROJECT / "params" / "five_projects.yaml")
    assert suite.then == "06_compare"
    runs = pipeline.expand(suite)
    assert [each.run for _, each, _ in runs] == [
        "hcr_net", "digits_nine_layer", "mnist_nist_all", "mnist_nist_1000", "az_mnist",
        "emnist_bn3", "emnist_cnn", "mnist_nist_deep",
    ]  # fmt: skip
    found = [
        params.resolve(each, declared, {}, suite=suite, seed=seed)["03_train"]
        for _, each, seed in runs
    ]
    assert {each["dataset"] for each in found} == {"emnist-subset"}
    assert {each["seed"] for each in found} == {0}
    assert {each["precision"] for each in found} == {"auto"}
    assert {each["model"] for each in found} == set(models.MODELS) - {"hcr_small", "hcr_pair"}


def test_what_is_fine_tuned_is_the_network_that_ships(declared):
    found = resolved("my_hand", declared)["03_train"]
    with zipfile.ZipFile(recognizer.keras_file(found["start"])) as file:
        shipped = json.loads(file.read("config.json"))
    assert shipped["config"]["name"] == found["model"]


def test_the_official_split_has_the_recipe_of_the_standing_protocol(declared):
    ours, official = (
        resolved(name, declared)["03_train"] for name in ("hcr_net", "emnist_balanced")
    )
    assert official.pop("dataset") == "emnist-balanced"
    assert ours.pop("dataset") == "emnist-subset"
    assert {**official, "run": ""} == {**ours, "run": ""}


def test_03_train_names_the_tables_of_the_recipe(declared):
    by_name = {each.name: each for each in declared["03_train"]}
    assert by_name["schedule"].choices == tuple(training.SCHEDULES)
    assert by_name["augmentation"].choices == tuple(training.AUGMENTATIONS)
    fields = training.Recipe.__dataclass_fields__
    assert set(fields) <= set(by_name)
    usual = {name: by_name[name].default for name in ("schedule", "clipnorm", "gradient_norms")}
    assert usual == {name: fields[name].default for name in usual}
    for name in ("plateau_patience", "plateau_factor"):
        assert by_name[name].default == fields[name].default
