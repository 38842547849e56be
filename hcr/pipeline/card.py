"""The card of a network that ships: what it is, how it was made, how well it reads, its limits."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hcr.runs import environment, files

if TYPE_CHECKING:
    from hcr.pipeline.shipping import Network

LIMITS = """\
It reads one character at a time, upright, and always answers with one of its classes: a word, a
punctuation mark or a scribble is read as the character that is least unlike it. It was trained on
the handwriting of people in the United States around 1990{pen}, and knows other ways to write a
character (a seven with a bar, a one with a long upstroke) only as far as they wrote them. Nobody
should be judged, graded or identified by it."""
PEN = ", and of UNIPEN's contributors"
DRAWINGS = "docs/results/drawings.json"


def card(
    name: str,
    network: "Network",
    record: dict[str, Any],
    found: dict[str, Any],
    costs: dict[str, Any],
    model: Path,
) -> str:
    """The model card, Markdown: data, protocol, figures, limits, licences, how to make it again.

    Args:
        name: Of the network.
        network: What is known of it.
        record: The `run.json` of its run; `commit` may name those of the steps before it, too.
        found: The `metrics.json` of its run.
        costs: What `hcr.pipeline.shipping.write_weights` returns.
        model: The LiteRT file that ships.
    """
    data, training, hardware = record["data"], found["03_train"], record["hardware"]
    lines = [
        f"# {name}",
        "",
        network.about,
        "",
        f"- **Characters**, in the order of the answers: `{data['characters']}`",
        f"- **Network**: `{record['stages']['03_train']['parameters']['model']}`, "
        f"{training['parameters']:,} parameters, {training['multiply_adds']:,} multiply-adds a "
        f"picture; {costs['bits']} bits a weight (class-balanced on validation "
        f"{_percent(costs['small'])} with 8 bits, {_percent(costs['whole'])} with 32).",
        f"- **Data**: {data['title']}; {data['counts']['train']:,} pictures to train, "
        f"{data['counts']['validation']:,} to choose, {data['counts']['test']:,} to test"
        + (f" ({data['caveat']})" if data["caveat"] else "")
        + f". Digest {data['digest'][:12]}.",
        "- **Protocol**: epoch and temperature were chosen on the validation split; the test split "
        "was read once for this network, at the end."
        + (f" {network.readings}" if network.readings else ""),
        f"- **Made again by**: `HCR_DATA=FOLDER uv run python benchmarks/pretrained.py {name}`; "
        f"{hardware['processor']}, {hardware['cores']} cores, "
        f"{training['training_seconds'] / 60:.0f} min of training, commit "
        f"{record['commit']}, TensorFlow {record['versions']['tensorflow']}, Keras "
        f"{record['versions']['keras']}.",
        "",
        "## Figures",
        "",
        f"| split | n | accuracy | class-balanced |\n|---|---|---|---|\n{_row('test', found)}",
        f"| validation | {data['counts']['validation']:,} | {_percent(training['val_accuracy'])} | "
        f"{_percent(training['val_balanced_accuracy'])} |",
        "",
        "One seed. Intervals are for 95 % and hold the draw of the pictures, not that of the seed.",
        "",
        *drawn(model),
        "## Limits",
        "",
        LIMITS.format(pen=PEN if "unipen" in data["name"] else ""),
        "",
        "## Licences",
        "",
        f"The weights: MIT, as this package. What they learned from: {data['licence']}.",
        "",
        f"{data['citation']}",
        "",
    ]
    return "\n".join(lines)


def drawn(model: Path) -> list[str]:
    """How pen drawings are read, as `benchmarks/drawings.py` has measured it; nothing if not.

    Args:
        model: The LiteRT file; what was measured with another one is not told.
    """
    path = environment.root() / DRAWINGS
    found = files.read_json(path) if path.is_file() else {}
    if found.get("model") != files.sha256(model):
        return []
    table = ["| drawn | right but for case | right among the first three |", "|---|---|---|"]
    for placement, shares in found["placements"].items():
        cells = [f"{_percent(m)} ({_percent(a)} to {_percent(b)})" for m, a, b in shares.values()]
        table.append(f"| {placement} | {' | '.join(cells)} |")
    worst = found["weakest"]
    return [
        "## Pen drawings",
        "",
        f"UNIPEN's contributors {', '.join(found['contributors'])}, n = {found['n']:,}, none of "
        "whom it learned from; means over contributors, each counting the same:",
        "",
        *table,
        "",
        f"Among {worst['kind']} of {worst['contributor']} it is weakest: "
        f"{_percent(worst['folded'])} right but for case.",
        "",
    ]


def _row(split: str, found: dict[str, Any]) -> str:
    test = found["04_evaluate"]
    shares = [
        f"{_percent(test[key])} ({_percent(test[f'{key}_low'])} to {_percent(test[f'{key}_high'])})"
        for key in ("accuracy", "balanced_accuracy")
    ]
    return f"| {split} | {test['n']:,} | {' | '.join(shares)} |"


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"
