"""What it gains to know which characters are possible: digits alone, letters alone.

    HCR_DATA=FOLDER uv run benchmarks/only.py [MODEL]

MODEL is what `Recognizer.load` takes; by default the pretrained model of 47 classes. Recognized are
the drawings of UNIPEN's validation contributors, who are in no training split, among all of the
model's characters and then among those of `Recognizer.among`; right is right but for case. The mean
is over contributors; its interval is over them, widened because they are few.
"""

import sys

import numpy as np

from hcr.datasets import unipen
from hcr.evaluation.scores import mean_interval
from hcr.preprocessing import from_strokes, labels
from hcr.recognizer import Recognizer

model = Recognizer.load(*sys.argv[1:])
strokes, drawn, contributors = unipen.drawings_of(unipen.VALIDATION)
for kind in ("digits", "letters"):
    chosen = [i for i, character in enumerate(drawn) if labels.KINDS[kind](character)]
    images = np.stack([from_strokes(strokes[i], model.framing) for i in chosen])
    wanted = [labels.fold_case(str(drawn[i])) for i in chosen]
    people = np.array([contributors[i] for i in chosen])
    for name, each in (("all", model), (kind, model.among(kind))):
        best = [labels.fold_case(each.labels[i]) for i in each.predict(images).argmax(axis=1)]
        right = np.array(best) == np.array(wanted)
        shares = np.array([right[people == person].mean() for person in np.unique(people)])
        low, high = mean_interval(shares, 0, np.arange(len(shares)))
        print(
            f"{len(chosen):,} {kind} of {len(shares)} contributors, among {name}: "
            f"{100 * shares.mean():.1f} % ({100 * low:.1f} to {100 * high:.1f})"
        )
