"""Between which characters an answer hesitates."""

from collections.abc import Sequence

Best = list[tuple[str, float]]  # characters with their probabilities, best first

SURE = 0.9  # of the probability lies with the characters that an answer names
ALIKE = 0.05  # a character of the best one's group that is so likely is named, too


def hesitation(ranked: Best, groups: Sequence[Sequence[str]]) -> tuple[str, ...]:
    """The characters between which an answer hesitates, likeliest first; none where it is sure.

    Those are the fewest that hold `SURE` of the probability; and, of the characters that
    validation found to be confused with the best one, those that are likelier than `ALIKE`.
    """
    named, total = [], 0.0
    for character, share in ranked:
        if total > SURE - 1e-6:
            break
        named.append(character)
        total += share
    alike = {each for group in groups if ranked[0][0] in group for each in group}
    named += [each for each, share in ranked if each in alike - set(named) and share >= ALIKE]
    return tuple(named) if len(named) > 1 else ()
