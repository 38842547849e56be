"""A study as a notebook shows it: what was done, the figure, the table, and the verdicts."""

from html import escape

from hcr import plots, reports
from hcr.evaluation.study_comparison import BALANCED, BASELINE, Comparison
from hcr.reports import Output, Result
from hcr.runs import Run

HOW = (
    "One small network is trained under each strategy, with several seeds, always for the same "
    "number of steps of the same size: a plan of few pictures is gone through more often, so no "
    "strategy wins by training longer. Nothing is chosen along the way, and everything is read on "
    "the validation split, which no strategy touches; the test split stays closed.",
    "Plain accuracy is here the mean of the recalls at the class shares of the training split as "
    "it came: the accuracy on pictures that come as often as those did. Where the training split "
    "was thinned and the validation split was not, the validation split's own share of right "
    "answers would tell of other classes. Balanced accuracy gives every class the same share. The "
    "recall of the rarest classes is what balancing is for.",
)
READ = (
    "Each dot is the mean over the seeds. Its bar is a 95 % interval for both chances at once, "
    "other validation pictures of the same classes and other seeds. The numbers at the right are "
    f"the differences to {BASELINE} in points, paired by seed and picture, which is the sharper "
    "comparison: a dot is full where that difference's own interval leaves out 0. Of twenty such "
    "intervals about one misses by chance."
)
WORDS = "In words; what an interval that holds 0 cannot tell apart is named so."
FIRST = "undersample"
WIDE = "max-width:75ch"  # as wide as a caption
ANSWERS = (
    " The first line answers the question whether a few pictures of each class serve better than "
    "all there are."
)


def account(run: Run, found: Comparison | None) -> Output:
    """Everything that a reader is shown of a study, in one piece; its files are left in the run.

    These are the figure `study`, the table `study` and, not shown, the table `study_runs`: every
    training's measures, and its recall of each class.

    Args:
        run: The run that the notebook writes to.
        found: What the study found; None where it was switched off: then one line says so.
    """
    if found is None:
        line = "The study is off, and its figures are left out. On: -p 02_balance.study=true"
        return Output(f'<div class="hcr-study">{_paragraph(line)}</div>', line)
    caption = "What each strategy buys, on the validation split."
    drawn = plots.compared(found.summary(), found.shown)
    figure = reports.figure(run, drawn, "study", caption, headline=True)
    caption = f"In per cent; in the rows Δ the paired difference to {BASELINE} in points; "
    table = reports.table(run, found.table(), "study", caption + "with 95 % intervals.")
    caption = "Each training of the study: the measures, and every class's recall."
    reports.table(run, found.runs(), "study_runs", caption)

    others = sorted(found.strategies[1:], key=lambda name: name != FIRST)
    note = f" Data: {run.caveat}." if run.caveat else ""
    verdicts = [f"{found.verdict(name)}{note}" for name in others]
    words = WORDS + (ANSWERS if FIRST in others else "")
    items = "".join(f"<li>{escape(each)}</li>" for each in verdicts)
    parts = [
        *(_paragraph(each) for each in HOW),
        figure.html,
        _paragraph(READ),
        table.html,
        _paragraph(words) + f'<ul style="{WIDE}">{items}</ul>' if verdicts else "",
    ]
    text = "\n".join((figure.text, table.text, *verdicts))
    return Output(f'<div class="hcr-study">{"".join(parts)}</div>', text)


def headlines(found: Comparison | None) -> list[Result]:
    """Each strategy's balanced accuracy on the validation split, for the run's front page.

    Args:
        found: What the study found; None where it was switched off: then there is none.
    """
    label = "Balanced accuracy on validation"
    texts = found.texts(BALANCED) if found else {}
    return [
        reports.text(f"study_{name}", value, f"{label}, {name}", note, headline=True)
        for name, (value, note) in texts.items()
    ]


def _paragraph(text: str) -> str:
    return f'<p style="{WIDE}">{escape(text)}</p>'
