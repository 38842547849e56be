"""Times, commits and hardware in the words of a reader."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

# Of each status: its word, and the name of its symbol and colour.
STATUS = {
    "done": ("done", "done"),
    "running": ("running", "running"),
    "failed": ("failed", "failed"),
    "interrupted": ("interrupted", "interrupted"),
    "waiting": ("not run", "waiting"),
    "by hand": ("by hand", "running"),
}
# Drawn in a square of 16 by 16: a state is never told by colour alone.
SYMBOLS = {
    "done": "M3.5 8.5 6.8 11.8 12.5 4.8",
    "running": "M5.5 4 11.5 8 5.5 12Z",
    "failed": "M4.5 4.5 11.5 11.5M11.5 4.5 4.5 11.5",
    "interrupted": "M5.8 4.5V11.5M10.2 4.5V11.5",
    "waiting": "M4.5 8H11.5",
}


def duration(seconds: float | None) -> str:
    """`8.1 s`, `1 min 1 s` or `2 h 5 min`; empty where unknown."""
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def moment(when: str | None) -> str:
    """An ISO 8601 time as `21 November 2026, 10:00 UTC`; as it is where it is none."""
    try:
        time = datetime.fromisoformat(when or "")
    except ValueError:
        return when or ""
    zone = f" {time.tzname()}" if time.tzinfo else ""
    return f"{time.day} {time:%B %Y, %H:%M}{zone}"


def commit(record: dict[str, Any]) -> str:
    """The commit's first ten digits and whether the tree was changed."""
    if not record.get("commit"):
        return "unknown"
    return record["commit"][:10] + (", with changes" if record.get("dirty") else "")


def hardware(record: dict[str, Any]) -> str:
    """Processor, cores, memory and GPU in one line."""
    facts = record.get("hardware") or {}
    parts = [str(facts["processor"])] if facts.get("processor") else []
    if facts.get("cores"):
        parts.append(f"{facts['cores']} core{'s' if facts['cores'] != 1 else ''}")
    if facts.get("amx"):
        parts.append("AMX")
    if facts.get("memory_gib"):
        parts.append(f"{facts['memory_gib']} GiB")
    return ", ".join([*parts, str(facts.get("gpu") or "no GPU")]) if parts else ""


def data(record: dict[str, Any]) -> str:
    """The data set's title, its name where that differs, and how its training split was cut."""
    facts = record.get("data") or {}
    title, name = facts.get("title"), facts.get("name")
    text = f"{title}, {name}" if title and name and title != name else str(title or name or "")
    changed = facts.get("changed") or {}
    cuts = ", ".join(f"{key} {value(cut)}" for key, cut in changed.items() if key != "thin_scale")
    return f"{text}; training split cut: {cuts}" if cuts else text


def credits(record: dict[str, Any], stage: str | None = None) -> list[dict[str, Any]]:
    """The data sets that a page credits: the run's, and what `stage`, or any stage, shows besides.

    One that the run's data set consists of, or holds, is credited there.
    """
    stages = record.get("stages") or {}
    facts = record.get("data") or {}
    found = {"": facts} if facts else {}
    for name, entry in stages.items():
        for each in (entry.get("data_also") or []) if stage in (None, name) else []:
            if str(each.get("citation")) not in str(facts.get("citation") or ""):
                found[str(each.get("name"))] = each
    return list(found.values())


def model(record: dict[str, Any], stage: str | None = None) -> str:
    """The network of `stage`: the one that its `reader` names, or the one that the run trains.

    Without a stage it is the run's; empty where no stage up to there says. Of a page across runs
    it is how many they are, and which.
    """
    stages = record.get("stages") or {}
    several = stages.get(stage, {}).get("models") or []
    if several:
        return several[0] if len(several) == 1 else f"{len(several)}: {', '.join(several)}"
    reader = (stages.get(stage, {}).get("parameters") or {}).get("reader", "run")
    if reader != "run":
        return str(reader)
    found = ""
    for name, each in stages.items():
        found = (each.get("parameters") or {}).get("model") or found
        if name == stage:
            break
    return str(found)


def value(given: Any) -> str:
    """A parameter's value as YAML would have it."""
    if given is None:
        return "null"
    if isinstance(given, bool):
        return str(given).lower()
    if isinstance(given, list | tuple):
        return f"[{', '.join(value(each) for each in given)}]"
    return '""' if given == "" else str(given)


def counted(number: int, noun: str) -> str:
    """`1 time`, `2 times`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def state(status: str | None) -> dict[str, str]:
    """A status's word, its kind (a class of the style) and its symbol's path."""
    word, kind = STATUS.get(status or "", (str(status or "unknown"), "waiting"))
    return {"word": word, "kind": kind, "symbol": SYMBOLS[kind]}


def abreast(count: int, most: int) -> int:
    """How many of `count` things stand in a row: `most`, or fewer where that fills all rows."""
    return most if count <= most else -(-count // -(-count // most))


def number(given: Any) -> str:
    """A whole number with commas; anything else as it is."""
    return f"{given:,}" if isinstance(given, int) else str(given)


FILTERS: dict[str, Callable[..., Any]] = {
    "duration": duration,
    "moment": moment,
    "value": value,
    "counted": counted,
    "number": number,
    "abreast": abreast,
    "state": state,
}
