"""Which character an index means, for every label set, and the rule that merges cases."""

from collections.abc import Sequence

from hcr.errors import DataError, ParameterError, nearest

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHANUMERIC = DIGITS + LETTERS
# EMNIST's 47 classes: 15 small letters look like their capitals and are counted as these.
BYMERGE = ALPHANUMERIC + "abdefghnqrt"
BALANCED = BYMERGE
BYCLASS = ALPHANUMERIC + LETTERS.lower()

MERGED = "cijklmopsuvwxyz"
"""The small letters that EMNIST counts as their capitals."""

LABEL_SETS = {
    "digits": DIGITS,
    "letters": LETTERS,
    "alphanumeric": ALPHANUMERIC,
    "bymerge": BYMERGE,
    "balanced": BALANCED,
    "byclass": BYCLASS,
}
"""Name of a label set -> its characters; a character's place is its index."""


def characters(name: str) -> tuple[str, ...]:
    """The characters of the label set `name`, in the order of their indices.

    Raises `ParameterError` for an unknown name.
    """
    if name not in LABEL_SETS:
        raise ParameterError(
            f"A label set must be one of {', '.join(LABEL_SETS)}. Received: {name!r}."
            + nearest(name, LABEL_SETS)
        )
    return tuple(LABEL_SETS[name])


def chosen(text: str, known: Sequence[str], name: str = "looked_at") -> list[int]:
    """The indices in `known` of the characters in `text`, in its order, each once.

    Blanks and commas between them count for nothing, but where they are characters themselves.

    Raises `ParameterError` where one is not known, or there is none; `name` is the parameter's.
    """
    place = {character: i for i, character in enumerate(known)}
    asked = [each for each in text if each in place or each not in " ,"]
    wrong = sorted({each for each in asked if each not in place})
    if wrong or not asked:
        raise ParameterError(
            f"{name} must hold characters of the data set ({''.join(known)}), one behind the "
            f"other. Received: {text!r}"
            + (f", with {', '.join(map(repr, wrong))}." if wrong else ".")
            + " Take it out, or leave it null."
        )
    return list(dict.fromkeys(place[each] for each in asked))


def fold_case(character: str) -> str:
    """The capital of a letter `a`-`z`, and any other character as it is.

    Two answers are equal but for case where their folds are equal.
    """
    return character.upper() if "a" <= character <= "z" else character


def merge(character: str) -> str:
    """The character as EMNIST's 47 classes name it: the 15 letters of `MERGED` as capitals."""
    return character.upper() if character in MERGED else character


def parse_mapping(text: str) -> tuple[str, ...]:
    """The characters of an EMNIST mapping file, in the order of the labels.

    A line holds a label and the ASCII codes of its characters, such as `10 65`, or `1 65 97` in
    EMNIST Letters, whose labels count from 1 and whose classes hold both cases: the first code,
    the capital, names the class. So in a file that counts from 1 the label of the result's
    character `i` is `i + 1`. Raises `DataError` for anything that is no such file.
    """
    found: list[str] = []
    first = 0
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            label, *codes = (int(field) for field in line.split())
        except ValueError:
            label, codes = -1, []
        if not codes or not all(33 <= code <= 126 for code in codes):
            raise DataError(
                "A line of a mapping file must hold a label and ASCII codes, such as '10 65'. "
                f"Received: {line[:60]!r} (line {number})."
            )
        if not found and label in (0, 1):
            first = label
        if label != first + len(found):
            raise DataError(
                "The labels of a mapping file must count up from 0 or 1 without a gap. "
                f"Received: {label} where {first + len(found)} is due (line {number})."
            )
        character = chr(codes[0])
        if character in found:
            raise DataError(
                "A mapping file must name a character once. "
                f"Received: {character!r} twice (line {number})."
            )
        found.append(character)
    if not found:
        raise DataError("A mapping file must hold at least one line. Received: an empty file.")
    return tuple(found)
