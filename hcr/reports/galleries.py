"""Looking through images: `ipywidgets` controls by hand, a still figure in a report."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from ipycanvas import Canvas
from IPython.display import display
from matplotlib.axes import Axes
from PIL import Image, ImageOps

from hcr import plots, reports
from hcr.datasets import Dataset, Split, choice
from hcr.errors import DataError
from hcr.preprocessing import EMNIST, SIDE, Framing, from_strokes, read_ink
from hcr.preprocessing.synthesis import place_on_pad
from hcr.recognizer import Recognition, Recognizer, draw_page
from hcr.runs import Run, shown

PAGE = 40
Shown = widgets.VBox | reports.Output


def samples(run: Run, split: Split, characters: Sequence[str], seed: int = 0) -> Shown:
    """The images of each class; in a report, a few of every class, drawn at random by `seed`."""
    members = [np.flatnonzero(split.labels == label) for label in range(len(characters))]
    named = zip(characters, members, strict=True)
    groups = {f"{name}  ({len(those):,})": those for name, those in named if len(those)}

    def few() -> Axes:
        rng, n = np.random.default_rng(seed), max(3, 60 // len(characters))
        chosen = [rng.choice(indices, min(n, len(indices)), replace=False) for indices in members]
        return plots.groups(split.images, chosen, characters, n, max(1, 14 // n))

    def draw(indices: np.ndarray) -> Axes:
        return plots.sheet(split.images[indices], 10, [f"{index:,}" for index in indices])

    caption = "Training images, drawn at random, by class."
    return _gallery(run, groups, draw, "samples", caption, few)


def suspects(run: Run, split: Split, frame: pd.DataFrame) -> Shown:
    """The suspected label errors, by pair of characters; in a report, the most suspect.

    `frame` has the columns index in `split`, given and suggested, which are characters.
    """

    def draw(rows: np.ndarray) -> Axes:
        shown = frame.iloc[rows][["index", "given", "suggested"]]
        captions = [f"{a} → {b}\n{i:,}" for i, a, b in shown.itertuples(index=False)]
        return plots.sheet(split.images[shown["index"]], 10, captions)

    caption = "Suspected label errors: label, suggestion, index in the training split."
    caption = caption if len(frame) else "No suspected label error."
    groups = _by_pair(frame, "given", "suggested", "or rather")
    return _gallery(run, groups, draw, "suspects", caption)


def mistakes(run: Run, split: Split, answers: pd.DataFrame) -> Shown:
    """The mistakes, by true and predicted class; in a report, the most confident.

    `answers` has a row an image of `split`, and the columns true, predicted and probability.
    """
    wrong = answers[answers["true"] != answers["predicted"]]
    wrong = wrong.sort_values("probability", ascending=False, kind="stable")

    def draw(rows: np.ndarray) -> Axes:
        shown = wrong.iloc[rows]
        return plots.predictions(split.images[shown.index], shown, 8)

    caption = "The most confident mistakes." if len(wrong) else "No mistakes."
    groups = _by_pair(wrong, "true", "predicted", "read as")
    return _gallery(run, groups, draw, "mistakes", caption)


def drawings(
    run: Run,
    load: Callable[[], Sequence],
    recognize: Callable[[Any], Sequence[tuple[str, float]]],
    name: str,
    caption: str,
    columns: int = 3,
    pad: float | None = None,
    placement: str | None = None,
    headline: bool = False,
    framing: Framing = EMNIST,
) -> Shown:
    """Drawings as drawn, as the network sees them and as recognized; by hand, at a button.

    `load` gives the drawings, lists of (k, 2) arrays each, and the character of each; `recognize`
    maps a drawing to its likeliest characters with probabilities, best first. With `pad`, the pad's
    side, each is shown as large as it was drawn; `placement` is where on a pad each is put first
    (`hcr.preprocessing.synthesis`), `framing` the network's. The rest is as in `reports.figure`.
    """

    def draw() -> reports.Output:
        strokes, true = load()
        if not len(strokes):
            text = "No drawing of these classes."
            return reports.Output(f"<p>{text}</p>", text)
        strokes = [place_on_pad(each, placement) for each in strokes] if placement else strokes
        images = np.stack([from_strokes(each, framing) for each in strokes])
        best = [recognize(each)[0] for each in strokes]
        axes = plots.drawings(strokes, images, best, true, columns, pad=pad)
        return reports.figure(run, axes, name, caption, headline=headline, raster=True)

    if not run.by_hand:
        return draw()
    # A kernel that draws answers no pad further up, so nothing is drawn until it is asked for.
    asked = widgets.interactive(lambda: draw().show(), {"manual": True, "manual_name": "Draw it"})
    about = widgets.HTML(f"<p>{escape(caption)}</p>")
    box = widgets.VBox([asked.manual_button, about, asked.out])
    asked.manual_button.on_click(lambda _: box.set_trait("children", [asked.out]))
    return box


def picture_steps(
    sources: Mapping[str, Any], answers: Mapping[str, Recognition], columns: int = 2
) -> Axes:
    """Of each picture itself, its lightness, its ink and its 28x28 image, and the answer.

    Takes what `Recognizer.recognize` takes, and its answers, by name.
    """
    side, tiles, captions = 5 * SIDE, [], []
    for name, answer in answers.items():
        picture, ink = draw_page(sources[name]), read_ink(sources[name])[0]
        image = Image.fromarray(255 - answer.image).resize((side, side), Image.Resampling.NEAREST)
        steps = [picture, picture.convert("L"), Image.fromarray(np.uint8(255 * (1 - ink))), image]
        steps = [ImageOps.pad(each.convert("RGB"), (side, side), color="white") for each in steps]
        tiles.append(np.hstack([ImageOps.expand(each, 2, "lightgray") for each in steps]) / 255)
        best = [f"{label}, {share:.1%}" for label, share in answer.ranked[:1]] or ["no ink"]
        captions.append(f"{name}: {'several' if 'several' in answer.warnings else best[0]}")
    titles = ["picture, lightness, ink, image"] * columns
    return plots.sheet(tiles, columns, captions, titles=titles)


def upload(model: Recognizer) -> widgets.interactive:
    """A button for pictures; below it, at once, their steps, or what is wrong with them."""

    def show(files: Any) -> None:
        files = files if isinstance(files, dict) else {each["name"]: each for each in files}
        for name, each in files.items():  # of ipywidgets 7 it is a dictionary
            content = bytes(each["content"])
            try:
                answer = model.recognize(content)
                display(picture_steps({name: content}, {name: answer}, 1).figure)
            except DataError as error:
                print(f"{name}: {error}")

    button = widgets.FileUpload(accept="image/*", multiple=True, description="Pictures")
    return widgets.interactive(show, files=button)


def quiz(images: np.ndarray, said: list[str]) -> widgets.HBox:
    """Ask what each of `images`, (n, 28, 28), is, one key each; the answers go to `said`."""
    shown, field = widgets.Output(), widgets.Text(placeholder="type here")

    def ask(change: dict[str, Any]) -> None:
        said.extend(change["new"][-1:])
        field.value, field.disabled = "", len(said) == len(images)
        field.description = f"{len(said)} of {len(images)}"
        shown.clear_output(wait=True)
        with shown:
            display(plots.sheet(images[len(said) :][:1], 6).figure)

    field.observe(ask, "value")
    ask({"new": ""})
    return widgets.HBox([field, shown])


def correct(run: Run, data: Dataset, frame: pd.DataFrame) -> widgets.HBox:
    """Ask of each suspected label error: keep the label, change it, or leave the image out.

    `frame` is as in `suspects`. An answer is saved at once, in `labels.csv` in the run's folder.
    What has one there, or in the file that `relabel` names, is seen again only by who goes back.
    """
    chosen, path = choice.choice_of(run.source or run.folder), run.path(choice.CORRECTIONS)
    whole, asked, at, n = choice.whole_data(chosen), frame["index"].to_numpy(), 0, len(frame)
    asked = [*(asked if data.indices is None else data.indices[asked]).tolist(), None]
    labels = [*np.array(data.characters)[whole.train.labels[asked[:n]]], ""]
    others, images = [*frame["suggested"], ""], [*whole.train.images[asked[:n]], np.zeros((28, 28))]
    canvas, text, trouble = Canvas(width=280, height=280), widgets.HTML(), widgets.Output()

    def go(new: str | None = None, back: bool = False) -> None:
        """Save an answer; go to the next suspect without one, or one back."""
        nonlocal at
        trouble.clear_output()
        with trouble:  # what goes wrong is shown, and nothing is written
            places = [place for place in (*chosen.corrections(), path) if place.is_file()]
            kept = [choice.read_corrections(place, whole) for place in places]
            answers = {index: each[index] for each in kept for index in each}
            if new is not None and at < n:
                answers[asked[at]] = new
                choice.write_corrections(path, whole, answers)
            left = [i for i, index in enumerate(asked) if index not in answers]  # the end, too
            at = max(at - 1, 0) if back else min(i for i in left if i >= at)
            question = f"{labels[at]}, or rather {others[at]}?" if at < n else "No more suspects"
            if asked[at] in answers:
                question += f" Answered: {answers[asked[at]] or 'left out'}"
            done = f"{n + 1 - len(left):,} of {n:,} answered, in {shown(path)}"
            text.value = f"<h3>{escape(question)}</h3>{escape(done)}"
            pixels = 255 - images[at].astype(np.uint8).repeat(10, 0).repeat(10, 1)
            canvas.put_image_data(np.dstack([pixels] * 3))

    def typed(key: str, _shift: bool, ctrl: bool, meta: bool) -> None:
        if key in keys and not (ctrl or meta):
            keys[key]()

    keep, change, leave = lambda: go(labels[at]), lambda: go(others[at]), partial(go, "")
    actions = {"Keep (k)": keep, "As suggested": change, "Leave out (x)": leave}
    actions["Back (\u2190)"] = back = partial(go, back=True)
    buttons = [widgets.Button(description=each) for each in actions]
    for button, action in zip(buttons, actions.values(), strict=True):
        button.on_click(lambda _button, action=action: (action(), canvas.focus()))
    # A class comes before a command of the same name, that before a class in small letters.
    classes = {name: partial(go, name) for name in data.characters}
    keys = {name.lower(): action for name, action in classes.items()} | {"k": keep, "x": leave}
    keys |= {"Enter": keep, "Delete": leave, "Backspace": leave, "ArrowLeft": back} | classes
    keys["Tab"] = keys["Escape"] = lambda: buttons[0].focus()  # a canvas takes all keys
    canvas.on_key_down(typed)
    canvas.on_client_ready(go)  # what was drawn before a page was open is lost to it
    go()
    layout = {"margin": "0 0 0 16px"}
    return widgets.HBox([canvas, widgets.VBox([text, *buttons, trouble], layout=layout)])


def _by_pair(frame: pd.DataFrame, one: str, other: str, words: str) -> dict[str, np.ndarray]:
    """The rows of `frame`: all, and of each pair of values, the most frequent first."""
    groups = {f"all  ({len(frame):,})": np.arange(len(frame))}
    pairs = frame.groupby([one, other], sort=False).indices
    for (a, b), rows in sorted(pairs.items(), key=lambda pair: -len(pair[1])):
        groups[f"{a} {words} {b}  ({len(rows):,})"] = rows
    return groups


def _gallery(
    run: Run,
    groups: Mapping[str, np.ndarray],
    draw: Callable[[np.ndarray], Axes],
    name: str,
    caption: str,
    few: Callable[[], Axes] | None = None,
) -> Shown:
    """Pages of `groups` of indices; what comes first, `few` of each or a group, is in a report."""
    choices = [*(["a few of each"] if few else []), *groups]

    def page_of(show: str, page: int) -> Axes:
        page = min(page, -(-len(groups.get(show, ())) // PAGE) or 1)  # its last, at most
        return draw(groups[show][(page - 1) * PAGE : page * PAGE]) if show in groups else few()

    if not run.by_hand:
        axes = page_of(choices[0], 1)
        return reports.figure(run, axes, name, caption, few is not None, raster=True)
    most = -(-max(map(len, groups.values()), default=1) // PAGE) or 1
    pages = widgets.IntSlider(1, 1, most, continuous_update=False)
    draw_page = lambda show, page: display(page_of(show, page).figure)  # noqa: E731
    return widgets.interactive(draw_page, show=choices, page=pages)
