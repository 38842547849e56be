"""The colours of all figures, as people see them who lack one kind of cone."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex, to_rgb
from matplotlib.patches import Rectangle

from hcr.plots import comparing, look, network, several, training

# Machado, Oliveira and Fernandes (2009), A physiologically-based model for simulation of color
# vision deficiency: the matrices of full severity, on linear RGB.
CONES = {
    "none": np.eye(3),
    "protan": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
         [-0.003882, -0.048116, 1.051998]]
    ),
    "deutan": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
         [-0.011820, 0.042940, 0.968881]]
    ),
}  # fmt: skip
# sRGB to CIE XYZ (D65), and its white.
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
WHITE = XYZ.sum(axis=1)
LEAST = 10.0  # of CIE 1976's difference; some 2.3 is just noticeable side by side


def lab(colour: str, cones: np.ndarray) -> np.ndarray:
    """CIE L*a*b* of a colour as an eye with these `cones` has it."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ @ np.clip(cones @ linear, 0, 1) / WHITE
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def closest(colours: list[str], kind: str) -> tuple[float, tuple[str, str]]:
    """The two colours that are hardest to tell, and their difference."""
    pairs = combinations(colours, 2)
    return min(
        (float(np.linalg.norm(lab(a, CONES[kind]) - lab(b, CONES[kind]))), (a, b)) for a, b in pairs
    )


@pytest.mark.parametrize("kind", CONES)
@pytest.mark.parametrize(
    "colours",
    [[*look.COLOURS.values(), *look.OTHERS, *look.SIGNS, look.AMOUNT], [*look.SERIES]],
    ids=["things", "models"],
)
def test_colours_are_told_apart(colours, kind):
    difference, pair = closest(colours, kind)
    assert difference >= LEAST, pair


def test_a_colour_means_one_thing():
    """What is better is not training, nor is a model, a kernel's sign or work."""
    ends = {name: [to_hex(scale(end)) for end in (0.0, 1.0)] for name, scale in (
        ("sign", training.SIGNED), ("worth", comparing.WORSE_BETTER),
    )}  # fmt: skip
    assert ends["sign"] == [each.lower() for each in look.SIGNS]
    assert ends["worth"] == [look.COLOURS[each].lower() for each in ("wrong", "right")]
    models = [each["color"] for each in several.lines(3, "test")]
    assert models == [comparing.colour_of(place) for place in range(3)] == list(look.SERIES[:3])
    # A model that is alone is no series: its split's colour says more.
    assert several.lines(1, "test")[0]["color"] == look.COLOURS["test"]
    given = [*look.COLOURS.values(), *look.OTHERS, *look.SIGNS, look.AMOUNT, *look.SERIES]
    assert len({each.lower() for each in given}) == len(given)
    blocks = {"block": ["dense"], "then": [""], "output": [(5,)], "parameters": [7],
              "multiply-adds": [9], "sources": [[]]}  # fmt: skip
    drawn = network.diagram(pd.DataFrame(blocks)).axes[0]
    bars = [each for each in drawn.patches if type(each) is Rectangle]
    assert {to_hex(each.get_facecolor()) for each in bars} == {look.AMOUNT.lower()}


def test_red_and_green_would_be_found():
    """The two that many libraries begin with."""
    assert closest(["#d62728", "#2ca02c"], "none")[0] > 100
    assert closest(["#d62728", "#2ca02c"], "deutan")[0] < LEAST
