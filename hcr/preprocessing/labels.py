"""Which character an index means, for every label set, and the rule that merges cases."""

import re
import unicodedata
from collections.abc import Iterable, Sequence

from hcr.errors import DataError, ParameterError, close

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
ALPHANUMERIC = DIGITS + LETTERS
# EMNIST's 47 classes: 15 small letters look like their capitals and are counted as these.
BYMERGE = BALANCED = ALPHANUMERIC + "abdefghnqrt"
BYCLASS = ALPHANUMERIC + LETTERS.lower()

MERGED = "cijklmopsuvwxyz"  # the small letters that EMNIST counts as their capitals

# A character's place is its index.
LABEL_SETS = {"digits": DIGITS, "letters": LETTERS, "alphanumeric": ALPHANUMERIC}
LABEL_SETS |= {"bymerge": BYMERGE, "balanced": BALANCED, "byclass": BYCLASS}

WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
LONGEST_CLASS = 16  # code points
JOINERS = "\u200c\u200d"  # zero width, not printable, and part of some conjuncts

# Names for some of a model's characters, in any script; a class that is a word is only in `all`.
KINDS = {
    "all": lambda label: True,
    "digits": lambda label: len(label) == 1 and label.isdecimal(),
    "letters": lambda label: len(label) == 1 and label.isalpha(),
    "capitals": lambda label: len(label) == 1 and label.isupper(),
}


def subset(only: str | Iterable[str], known: Sequence[str]) -> list[int]:
    """The indices in `known`, in its order, of the characters that `only` means.

    It is a key of `KINDS`, or characters, each once. Raises `ParameterError` where there is none.
    """
    if isinstance(only, str) and only in KINDS:
        chosen = [label for label in known if KINDS[only](label)]
    else:
        chosen = list(map(str, only)) if isinstance(only, Iterable) else []
    lacking = [label for label in chosen if label not in known]
    if not chosen or lacking or len(set(chosen)) < len(chosen):
        what = f", of which it lacks {' '.join(dict.fromkeys(lacking))}" if lacking else ""
        rule = f"only must be {', '.join(KINDS)}, or some of {''.join(known)}, each once"
        raise ParameterError(f"{rule}. Received: {only!r:.80}{what}.{close(str(only), KINDS)}")
    return [i for i, label in enumerate(known) if label in chosen]


def spans(characters: Iterable[str], most: int = 16) -> str:
    """`characters` in short, as `0–9, A–Z, a, b, d–h`: at most `most` parts; "" is left out."""
    parts: list[list[str]] = []
    for each in filter(None, characters):
        last = parts[-1][-1] if parts else ""
        if len(last) == len(each) == 1 and ord(each) == ord(last) + 1:
            parts[-1].append(each)
        else:
            parts.append([each])
    texts = [f"{part[0]}–{part[-1]}" if len(part) > 2 else ", ".join(part) for part in parts]
    return ", ".join([*texts[:most], *["…"] * (len(texts) > most)])


def parse_characters(text: str, known: Sequence[str], name: str = "saliency_for") -> list[int]:
    """The indices in `known` of the characters in `text`, in its order, each once.

    Blanks and commas between them are skipped, unless they are characters themselves.
    Raises `ParameterError` where one is not known, or there is none; `name` is the parameter's.
    """
    place = {character: i for i, character in enumerate(known)}
    longest = sorted(map(re.escape, place), key=len, reverse=True)
    characters = re.findall("|".join([*longest, "[^ ,]"]), text)
    if not characters or not set(characters) <= set(place):
        rule = f"{name} must hold characters of the dataset ({''.join(known)}), one after the other"
        raise ParameterError(f"{rule}. Received: {text!r}. Take others out, or name none.")
    return list(dict.fromkeys(place[char] for char in characters))


def fold_case(character: str) -> str:
    """The capital of a letter `a`-`z`, and any other character as it is."""
    return character.upper() if "a" <= character <= "z" else character


def merge(character: str) -> str:
    """The character as EMNIST's 47 classes name it: the 15 letters of `MERGED` as capitals."""
    return character.upper() if character in tuple(MERGED) else character


def parse_mapping(text: str) -> tuple[str, ...]:
    """The characters of an EMNIST mapping file, in the order of the labels.

    A line holds a label, from 0 or 1 up, and the ASCII codes of its characters, such as `10 65`, or
    `1 65 97`: the first names the class. Raises `DataError` for anything that is no such file.
    """
    try:
        rows = [[int(word) for word in line.split()] for line in text.splitlines() if line.strip()]
        characters = tuple(chr(codes[0]) for _, *codes in rows)
        right = all(33 <= code <= 126 for _, *codes in rows for code in codes)
        right &= [label - rows[0][0] for label, *_ in rows] == [*range(len(rows))]
        if right and rows[0][0] in (0, 1) and len(set(characters)) == len(characters):
            return characters
    except (IndexError, ValueError):
        pass
    rule = "A mapping file must count labels up from 0 or 1, each with ASCII codes, such as '10 65'"
    raise DataError(f"{rule}. Received: {text[:60]!r}. Take EMNIST's own.")


def characters_of(names: Iterable[str]) -> tuple[dict[str, str], str]:
    """The characters that names of classes mean, as far as they say one, and how they were taken.

    A character, conjuncts such as क्ष too, or its code, `U+0041`; `zero` to `nine`; `A_upper` and
    `a_lower`; `Sample001` to `Sample062` of Chars74K; all of them NIST's hexadecimal codes, `30` to
    `7a`; or all of them label numbers of EMNIST, where some are above 9.
    """
    names, how = sorted(names, key=lambda name: (len(name), name)), ""
    decimal = all(re.fullmatch("[0-9]{1,3}", name) for name in names)
    codes = [chr(int(name, 16)) for name in names if re.fullmatch("[2-7][0-9a-fA-F]", name)]
    if not names:
        return {}, how
    if len(codes) == len(names) and (not decimal or all(map(str.isalnum, codes))):
        found, how = dict(zip(names, codes, strict=True)), "hexadecimal codes"
    elif decimal and any(len(name) > 1 for name in names):
        found, how = _numbered(names), "label numbers of EMNIST"
    else:
        found = {name: _character(name) for name in names}
    found = {name: found[name] for name in names if is_class(found.get(name, ""))}
    shown = [f"{name} is {found[name]}" for name in (names[0], names[-1]) if name in found]
    return found, f"Names taken as {how}: {', '.join(shown)}." if how and decimal and shown else ""


def is_class(name: str) -> bool:
    """Whether a string can be a class: printable, without blanks around, not long."""
    printable = all(point.isprintable() or point in JOINERS for point in name)
    return printable and 0 < len(name.strip()) == len(name) <= LONGEST_CLASS


def is_character(name: str) -> bool:
    """Whether a string is one character: with its marks, a conjunct such as क्ष, a flag."""
    # Marks and skin tones belong to the character before; a virama, a joiner and the first letter
    # of a flag also join the one behind.
    bases, joined = 0, False
    for point in name:
        tone, flag = "\U0001f3fb" <= point <= "\U0001f3ff", "\U0001f1e6" <= point <= "\U0001f1ff"
        marks = tone or unicodedata.category(point)[0] == "M" or point in JOINERS
        bases += not (joined or marks)
        opens = flag and not joined
        joined = opens or unicodedata.combining(point) == 9 or point == JOINERS[1]
    return bases == 1 or len(name) == 1


def _numbered(names: Sequence[str]) -> dict[str, str]:
    """The characters of label numbers; none where nothing tells their label set."""
    numbers = set(map(int, names))
    low, high, n = min(numbers), max(numbers), len(numbers)
    if low < 2 and n == high - low + 1 == len(LETTERS):
        known = " " * low + LETTERS
    elif high >= len(BYCLASS) or (low == 1 and high == n):  # is 10 the digit 0, as in MATLAB?
        return {}
    else:
        known = BALANCED if high < len(BALANCED) else BYCLASS
    return {name: known[int(name)] for name in names}


def _character(name: str) -> str:
    """The character that a name means by itself; empty for none."""
    if code := re.fullmatch(r"[Uu]\+(0?[0-9a-fA-F]{4,5}|10[0-9a-fA-F]{4})", name):
        return chr(int(code[1], 16))
    if name.lower() in WORDS:
        return str(WORDS.index(name.lower()))
    if (sample := re.fullmatch("[Ss]ample[ _-]?0*([1-9][0-9]?)", name)) and int(sample[1]) <= 62:
        return BYCLASS[int(sample[1]) - 1]
    if case := re.fullmatch("([a-z])[ _-](upper|capital|lower|small)([ _-]?case)?", name.lower()):
        return case[1].upper() if case[2] in ("upper", "capital") else case[1]
    return name if is_character(name) else ""
