"""Label sets, merged cases, and EMNIST's mapping files."""

import os
from pathlib import Path

import pytest

from hcr.errors import DataError, ParameterError
from hcr.preprocessing import labels


def test_label_sets_hold_each_character_once():
    sizes = {"digits": 10, "letters": 26, "alphanumeric": 36}
    sizes |= {"bymerge": 47, "balanced": 47, "byclass": 62}
    assert {name: len(text) for name, text in labels.LABEL_SETS.items()} == sizes
    assert {name: len(set(text)) for name, text in labels.LABEL_SETS.items()} == sizes
    # The 47 classes are the 62 with 15 letters merged.
    merged = dict.fromkeys(labels.merge(character) for character in labels.BYCLASS)
    assert "".join(merged) == labels.BYMERGE
    assert [labels.fold_case(character) for character in "aA7ß"] == ["A", "A", "7", "ß"]


def test_characters_are_parsed_by_what_they_are():
    assert labels.parse_characters("q0O", labels.BALANCED) == [44, 0, 24]
    assert labels.parse_characters("0, O 0", labels.BALANCED) == [0, 24]
    # A comma may be a character itself.
    assert labels.parse_characters("b,", "a,b") == [2, 1]
    for text in ("0é", "", " ,"):
        with pytest.raises(ParameterError, match="saliency_for"):
            labels.parse_characters(text, labels.DIGITS)


def test_classes_are_named_in_short():
    assert labels.spans(labels.BALANCED) == "0–9, A–Z, a, b, d–h, n, q, r, t"
    assert labels.spans(["sin", "", "A", "B", "क्ष"]) == "sin, A, B, क्ष"
    assert labels.spans(labels.BYCLASS[::2], 3) == "0, 2, 4, …"


def test_mapping_that_counts_from_one_names_classes_by_their_capitals():
    assert labels.parse_mapping("1 65 97\n2 66 98\n\n") == ("A", "B")


@pytest.mark.parametrize(
    "text", ["", "0 48\n2 50", "5 48", "0", "0 7", "0 48\n1 48", "<html>no</html>"]
)
def test_wrong_mapping(text):
    with pytest.raises(DataError, match="mapping"):
        labels.parse_mapping(text)


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "characters"),
    [("letters", labels.LETTERS), ("bymerge", labels.BYMERGE), ("byclass", labels.BYCLASS)],
)
def test_the_tables_are_those_of_the_files(name, characters):
    path = Path(os.environ["HCR_DATA"]) / "emnist" / f"emnist-{name}-mapping.txt"
    assert labels.parse_mapping(path.read_text()) == tuple(characters)
