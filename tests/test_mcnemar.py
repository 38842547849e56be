"""McNemar's test and the paired interval: against SciPy, statsmodels and their definitions."""

from itertools import combinations

import numpy as np
import pytest
from scipy import optimize, stats

from hcr.errors import DataError
from hcr.evaluation.comparison import FEW, each_pair, mcnemar, mcnemar_of, paired_interval

# both, only the first, only the second, neither
TABLES = [
    (50, 3, 1, 6),
    (900, 24, 0, 76),
    (900, 12, 12, 76),
    (900, 13, 12, 75),
    (900, 12, 13, 75),
    (9000, 320, 150, 530),
    (0, 40, 60, 0),
    (0, 0, 30, 0),
    (0, 30, 0, 0),
    (7, 0, 0, 3),
    (0, 0, 0, 5),
    (1, 0, 0, 0),
    (0, 1, 0, 0),
]


def answers(both, only_first, only_second, neither, classes=5, seed=0):
    """Labels and two models' answers with these counts, shuffled."""
    generator = np.random.default_rng(seed)
    counts = (both, only_first, only_second, neither)
    a = np.repeat([True, True, False, False], counts)
    b = np.repeat([True, False, True, False], counts)
    order = generator.permutation(len(a))
    true = generator.integers(0, classes, len(a))
    first, second = (np.where(each[order], true, (true + 1) % classes) for each in (a, b))
    return true, first, second


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_counts_and_p_value_equal_scipy(table):
    found = mcnemar(*answers(*table))
    both, one, other, _ = table
    assert (found.both, found.only_first, found.only_second, found.neither) == table
    assert found.n == sum(table)
    assert found.first == (both + one) / sum(table)
    assert found.second == (both + other) / sum(table)
    assert found.difference == pytest.approx(found.first - found.second)
    assert found.exact == (one + other < FEW)
    if found.exact:
        expected = stats.binomtest(one, one + other).pvalue if one + other else 1.0
        assert found.statistic == min(one, other)
    else:
        # What the pictures would have been if both were equally good: half of them each.
        half = [(one + other) / 2] * 2
        statistic, expected = stats.chisquare([one, other], half)
        assert found.statistic == pytest.approx(statistic)
    assert found.p_value == pytest.approx(expected)


@pytest.mark.parametrize("table", TABLES, ids=str)
def test_the_test_equals_statsmodels(table):
    oracle = pytest.importorskip("statsmodels.stats.contingency_tables")
    both, one, other, neither = table
    found = mcnemar_of(*table)
    expected = oracle.mcnemar([[both, one], [other, neither]], exact=found.exact, correction=False)
    assert found.statistic == pytest.approx(expected.statistic)
    assert found.p_value == pytest.approx(min(1.0, expected.pvalue))


def test_where_one_test_gives_way_to_the_other_both_say_the_same():
    for one in range(8):
        found = mcnemar_of(500, one, FEW - one, 0)
        assert not found.exact
        assert found.p_value == pytest.approx(stats.binomtest(one, FEW).pvalue, abs=0.04)


def likelihood(difference, share, one, other, n):
    """The logarithm of it, where the second alone reads `share`."""
    parts = np.array([share + difference, share, 1 - 2 * share - difference])
    counts = np.array([one, other, n - one - other])
    if (parts < 0).any() or ((parts == 0) & (counts > 0)).any():
        return -np.inf
    return float(np.sum(counts[counts > 0] * np.log(parts[counts > 0])))


@pytest.mark.parametrize(
    ("one", "other", "n"),
    [(30, 12, 1000), (40, 60, 100), (26, 0, 90), (0, 33, 40), (200, 190, 5000)],
)
def test_the_interval_ends_where_the_score_test_does(one, other, n):
    """Tango's statistic from a search for the most likely shares, not from his formula."""
    z = stats.norm.ppf(0.975)
    for end, sign in zip(paired_interval(one, other, n), (1, -1), strict=True):
        found = optimize.minimize_scalar(
            lambda share, end=end: -likelihood(end, share, one, other, n),
            bounds=(max(0.0, -end), (1 - end) / 2),
            method="bounded",
            options={"xatol": 1e-12},
        )
        variance = n * (2 * found.x + end - end**2)
        assert (one - other - n * end) / np.sqrt(variance) == pytest.approx(sign * z, abs=2e-3)


def test_the_interval_where_the_models_never_differ():
    z = stats.norm.ppf(0.975)
    low, high = paired_interval(0, 0, 1000)
    assert high == pytest.approx(z**2 / (1000 + z**2))
    assert low == pytest.approx(-high)


@pytest.mark.parametrize("n", [60, 500])
def test_test_and_interval_never_contradict_each_other(n):
    for one in range(36):
        for other in range(min(36, n - one)):
            found = mcnemar_of(n - one - other, one, other, 0)
            assert (found.low <= 0 <= found.high) != found.told_apart, (one, other)
            assert -1 <= found.low <= found.difference <= found.high <= 1


def test_the_other_way_round_is_the_same_turned_round():
    true, first, second = answers(900, 40, 11, 49)
    one, other = mcnemar(true, first, second), mcnemar(true, second, first)
    assert one.p_value == other.p_value
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def test_another_level_is_another_interval():
    narrow, wide = (mcnemar_of(900, 60, 40, 0, level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high
    assert narrow.told_apart
    assert not wide.told_apart


def test_the_interval_holds_the_truth_as_often_as_it_says():
    generator = np.random.default_rng(0)
    shares = np.array([0.85, 0.06, 0.03, 0.06])
    drawn = generator.multinomial(400, shares, 2000)
    spans = [paired_interval(int(row[1]), int(row[2]), 400) for row in drawn]
    held = np.mean([low <= 0.03 <= high for low, high in spans])
    assert 0.935 < held < 0.975


def test_of_few_pictures_it_holds_the_truth_too():
    rng = np.random.default_rng(0)
    for n in (15, 40, 200):
        for won, lost in ((0.02, 0.01), (0.1, 0.02), (0.2, 0.2)):
            drawn = rng.multinomial(n, [won, lost, 1 - won - lost], 600)
            spans = [paired_interval(int(row[0]), int(row[1]), n) for row in drawn]
            assert np.mean([low <= won - lost <= high for low, high in spans]) > 0.925


def several(n=600, seed=0):
    generator = np.random.default_rng(seed)
    true = generator.integers(0, 5, n)
    return true, {
        name: np.where(generator.random(n) < share, true, (true + 1) % 5)
        for name, share in (("a", 0.9), ("b", 0.9), ("c", 0.85), ("d", 0.7))
    }


def test_every_pair_is_tested_and_all_count_at_once():
    true, answers = several()
    table = each_pair(true, answers)
    pairs = list(zip(table["first"], table["second"], strict=True))
    assert pairs == [*combinations("abcd", 2)]
    for row in table.itertuples():
        found = mcnemar(true, answers[row.first], answers[row.second])
        assert (row.p_value, row.low, row.only_second) == (
            found.p_value,
            found.low,
            found.only_second,
        )
    # By hand: the least of six counts six times, and so on, and none falls below the one before.
    ordered = table.sort_values("p_value")
    expected, before = [], 0.0
    for left, p in zip(range(6, 0, -1), ordered["p_value"], strict=True):
        before = max(before, min(1.0, left * p))
        expected.append(before)
    assert ordered["p_holm"].tolist() == pytest.approx(expected)
    assert (table["p_holm"] >= table["p_value"]).all()
    assert (table["p_holm"] < 1).any()


def test_pairs_held_together_equal_statsmodels():
    oracle = pytest.importorskip("statsmodels.stats.multitest")
    for seed in range(5):
        table = each_pair(*several(seed=seed))
        expected = oracle.multipletests(table["p_value"], method="holm")[1]
        np.testing.assert_allclose(table["p_holm"], expected)


def test_two_models_one_model_and_none():
    true, answers = several()
    two = each_pair(true, {"a": answers["a"], "d": answers["d"]})
    assert two["p_holm"].tolist() == two["p_value"].tolist()
    for few in ({"a": answers["a"]}, {}):
        assert len(each_pair(true, few)) == 0
        assert "p_holm" in each_pair(true, few)


def test_what_cannot_be_is_told():
    with pytest.raises(DataError, match="one entry a picture"):
        mcnemar([0, 1], [0, 1], [0])
    with pytest.raises(DataError, match="at least one picture"):
        mcnemar([], [], [])
    for counts in ((3, 3, 5), (-1, 2, 5), (0, 0, 0)):
        with pytest.raises(DataError, match="at most n, which is at least 1"):
            paired_interval(*counts)
    with pytest.raises(DataError, match="level must be between 0 and 1"):
        paired_interval(1, 2, 9, level=95)
