import os
from pathlib import Path

import pytest

from hcr.errors import DataError, ParameterError
from hcr.preprocessing import labels


def test_label_sets_hold_each_character_once():
    sizes = {name: len(set(text)) for name, text in labels.LABEL_SETS.items()}
    assert sizes == {name: len(text) for name, text in labels.LABEL_SETS.items()}
    assert sizes == {
        "digits": 10,
        "letters": 26,
        "alphanumeric": 36,
        "bymerge": 47,
        "balanced": 47,
        "byclass": 62,
    }


def test_the_47_classes_are_the_62_with_15_letters_merged():
    assert len(labels.MERGED) == 15
    merged = dict.fromkeys(labels.merge(character) for character in labels.BYCLASS)
    assert "".join(merged) == labels.BYMERGE


def test_characters_of_an_unknown_set_offers_the_nearest():
    assert labels.characters("digits") == tuple("0123456789")
    with pytest.raises(ParameterError, match="Did you mean 'byclass'"):
        labels.characters("by_class")


def test_characters_are_chosen_by_what_they_are():
    assert labels.chosen("q0O", labels.BALANCED) == [45 - 1, 0, 24]
    assert labels.chosen("0, O 0", labels.BALANCED) == [0, 24]
    # A comma may be a character itself.
    assert labels.chosen("b,", "a,b") == [2, 1]
    for text, received in (("0é", "'0é', with 'é'"), ("", "''."), (" ,", "' ,'.")):
        with pytest.raises(ParameterError, match="looked_at must hold characters") as caught:
            labels.chosen(text, labels.DIGITS)
        assert f"(0123456789), one behind the other. Received: {received}" in str(caught.value)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("character", "folded"), [("a", "A"), ("A", "A"), ("7", "7"), ("ß", "ß")])
def test_fold_case(character, folded):
    assert labels.fold_case(character) == folded


def test_mapping_that_counts_from_one_names_classes_by_their_capitals():
    assert labels.parse_mapping("1 65 97\n2 66 98\n\n") == ("A", "B")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "empty file"),
        ("0 48\n2 50", "without a gap"),
        ("5 48", "from 0 or 1"),
        ("0 48\nx y", r"such as '10 65'.*line 2"),
        ("0", "such as"),
        ("0 7", "such as"),
        ("0 48\n1 48", "once"),
        ("<html>not found</html>", "such as"),
    ],
)
def test_mapping_that_is_none(text, rule):
    with pytest.raises(DataError, match=rule):
        labels.parse_mapping(text)


@pytest.mark.data
@pytest.mark.skipif("HCR_DATA" not in os.environ, reason="HCR_DATA is not set")
@pytest.mark.parametrize(
    ("name", "characters"),
    [
        ("balanced", labels.BALANCED),
        ("bymerge", labels.BYMERGE),
        ("byclass", labels.BYCLASS),
        ("digits", labels.DIGITS),
        ("mnist", labels.DIGITS),
        ("letters", labels.LETTERS),
        ("subset", labels.BALANCED),
    ],
)
def test_the_tables_are_those_of_the_files(name, characters):
    path = Path(os.environ["HCR_DATA"]) / "emnist" / f"emnist-{name}-mapping.txt"
    assert labels.parse_mapping(path.read_text()) == tuple(characters)
