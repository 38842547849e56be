"""Which character an index means, for every label set, and the rule that merges cases."""

from collections.abc import Iterable, Sequence

from hcr.errors import DataError, ParameterError, close

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHANUMERIC = DIGITS + LETTERS
# EMNIST's 47 classes: 15 small letters look like their capitals and are counted as these.
BYMERGE = ALPHANUMERIC + "abdefghnqrt"
BALANCED = BYMERGE
BYCLASS = ALPHANUMERIC + LETTERS.lower()

MERGED = "cijklmopsuvwxyz"  # the small letters that EMNIST counts as their capitals

# A character's place is its index.
LABEL_SETS = {
    "digits": DIGITS,
    "letters": LETTERS,
    "alphanumeric": ALPHANUMERIC,
    "bymerge": BYMERGE,
    "balanced": BALANCED,
    "byclass": BYCLASS,
}

# Names for some of a model's characters, in any script; a class that is a word is only in `all`.
KINDS = {
    "all": lambda label: True,
    "digits": lambda label: len(label) == 1 and label.isdecimal(),
    "letters": lambda label: len(label) == 1 and label.isalpha(),
    "capitals": lambda label: len(label) == 1 and label.isupper(),
}


def subset(only: str | Iterable[str], known: Sequence[str]) -> list[int]:
    """The indices in `known`, in its order, of the characters that `only` means.

    `only` is a key of `KINDS`, or characters, each once. Raises `ParameterError` where `known`
    lacks one of them, or where there is none.
    """
    if isinstance(only, str) and only in KINDS:
        chosen = [label for label in known if KINDS[only](label)]
    else:
        chosen = list(map(str, only)) if isinstance(only, Iterable) else []
    lacking = [label for label in chosen if label not in known]
    if not chosen or lacking or len(set(chosen)) < len(chosen):
        what = f", of which it lacks {' '.join(dict.fromkeys(lacking))}" if lacking else ""
        raise ParameterError(
            f"only must be {', '.join(KINDS)}, or some of the model's characters, each once "
            f"({''.join(known)}). Received: {only!r:.80}{what}.{close(str(only), KINDS)}"
        )
    return [i for i, label in enumerate(known) if label in chosen]


def parse_characters(text: str, known: Sequence[str], name: str = "saliency_for") -> list[int]:
    """The indices in `known` of the characters in `text`, in its order, each once.

    Blanks and commas between them are skipped, unless they are characters themselves.
    Raises `ParameterError` where one is not known, or there is none; `name` is the parameter's.
    """
    place = {character: i for i, character in enumerate(known)}
    characters = [char for char in text if char in place or char not in " ,"]
    if not characters or not set(characters) <= set(place):
        raise ParameterError(
            f"{name} must hold characters of the dataset ({''.join(known)}), one after the other. "
            f"Received: {text!r}. Take others out, or leave it null."
        )
    return list(dict.fromkeys(place[char] for char in characters))


def fold_case(character: str) -> str:
    """The capital of a letter `a`-`z`, and any other character as it is.

    Two predictions are equal but for case where their folds are equal.
    """
    return character.upper() if "a" <= character <= "z" else character


def merge(character: str) -> str:
    """The character as EMNIST's 47 classes name it: the 15 letters of `MERGED` as capitals."""
    return character.upper() if character in MERGED else character


def parse_mapping(text: str) -> tuple[str, ...]:
    """The characters of an EMNIST mapping file, in the order of the labels.

    A line holds a label and the ASCII codes of its characters, such as `10 65`, or `1 65 97` in
    EMNIST Letters, whose labels count from 1 and whose classes hold both cases: the first code,
    the capital, names the class. Raises `DataError` for anything that is no such file.
    """
    try:
        rows = [[int(word) for word in line.split()] for line in text.splitlines() if line.strip()]
        characters = tuple(chr(codes[0]) for _, *codes in rows)
        right = all(33 <= code <= 126 for _, *codes in rows for code in codes)
        right &= [label for label, *_ in rows] == list(range(rows[0][0], rows[0][0] + len(rows)))
        right &= rows[0][0] in (0, 1) and len(set(characters)) == len(characters)
    except (IndexError, ValueError):
        right = False
    if not right:
        raise DataError(
            "A mapping file must count labels up from 0 or 1, each with the ASCII codes of new "
            f"characters, such as '10 65'. Received: {text[:60]!r}. Take EMNIST's own."
        )
    return characters
