"""How to repeat a run, as one command."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence

from napari_spatialrecon.hyperparameters import word
from napari_spatialrecon.report.inputs import CHANGED, MISSING, Input
from napari_spatialrecon.report.parts import Section
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.report.settings import changed, preset_of
from napari_spatialrecon.report.tried import choice_of

#: Settings that are options of the command line, in its order.
_OPTIONS = (
    "reference",
    "query",
    "slide",
    "landmarks",
    "labels",
    "genes",
    "factor",
    "onto",
    "encoder",
    "model",
)
#: What repeating a choice depends on.
_TIME = (
    "How many methods auto tries depends on the time that they take on the machine; with "
    "--set minutes=0 it tries all."
)
#: Options that name the file by which a slide was aligned.
_WAYS = ("pairs", "transform", "like")
#: What a command of a task cannot do without.
NEEDED = {
    "train": ("reference",),
    "train-encoder": ("reference",),
    "align": ("slide",),
    "place": ("reference", "query"),
    "impute-locations": ("query", "landmarks"),
    "deconvolve": ("slide", "reference", "labels"),
    "impute-genes": ("slide", "reference", "genes"),
    "super-resolve": ("slide", "factor"),
}


def repeat_section(run: Run, inputs: list[Input]) -> Section:
    """Return the command, and what has to be there for it to give the same result."""
    command, given = command_of(run)
    text = (
        "The same inputs, version and seed on the same kind of machine give the same bytes."
        if given
        else "The run was started from Python or from the window. This command asks for the same; "
        "what stands in capitals is not in the record."
    )
    lines = []
    if choice_of(run) is not None:
        lines.append(("quiet", _TIME))
    if gone := [one.name for one in inputs if one.state == MISSING]:
        lines.append(("warning", f"Not found now, so not checked: {', '.join(gone)}."))
    if other := [one.name for one in inputs if one.state == CHANGED]:
        lines.append(("wrong", f"Changed since the run: {', '.join(other)}."))
    return Section("repeat", "How to repeat it", (text,), tuple(lines), code=command)


def command_of(run: Run) -> tuple[str, bool]:
    """Return the command line that repeats a run, and whether it is as it was given."""
    if run.command:
        return run.command.rstrip("\n"), True
    if given := str(run.settings.get("command", "")):
        return _broken(shlex.split(given)), True
    return _broken(words_of(run)), False


def words_of(run: Run, given: Mapping[str, Sequence[str]] | None = None) -> list[str]:
    """Return the words of a command that asks for the same as a run.

    Parameters
    ----------
    given
        Values of options, for instance of ``"reference"``, in place of those of the record. An
        option that neither has gets its name in capitals as its value.
    """
    if run.task == "align":
        return _alignment(run, given or {})
    words = ["spatialrecon", run.task, "--method", str(run.record.get("method", "METHOD"))]
    words += ["--preset", preset_of(run), *_inputs(run, given or {})]
    words += ["--out", run.path.name if run.path else "result.h5ad"]
    for name, value in changed(run).items():
        words += ["--set", f"{name}={word(value)}"]
    return [*words, "--seed", str(run.record.get("seed", 0))]


def unknown(run: Run, given: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the options that a run needs, and that neither its record nor `given` has."""
    found = [option for option in NEEDED[run.task] if not _values(run, given, option)]
    if run.task == "align" and not {*_WAYS} & {*given} and not _is_automatic(run):
        found.append("pairs")
    return found


def _is_automatic(run: Run) -> bool:
    return run.settings.get("model") in ("outline", "expression")


def _alignment(run: Run, given: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the words of a command that aligns as a run did."""
    words = ["spatialrecon", "align"]
    for option in ("slide", "onto", *_WAYS):
        for value in _values(run, given, option):
            words += [f"--{option}", value]
    if _is_automatic(run):
        words.append("--auto")
    elif "pairs" in given:
        words += ["--model", str(run.settings.get("model", "similarity"))]
        words += ["--smoothing", word(run.settings.get("smoothing", 0.0))]
    if run.settings.get("reflection") is False:
        words.append("--no-reflection")
    return [*words, "--out", run.path.name if run.path else "aligned.h5ad"]


def _inputs(run: Run, given: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for option in _OPTIONS:
        needed = [option.upper()] if option in NEEDED[run.task] else []
        for value in _values(run, given, option) or needed:
            yield from (f"--{option}", value)


def _values(run: Run, given: Mapping[str, Sequence[str]], option: str) -> list[str]:
    """Return the values of an option, of which the record of a run in Python holds few."""
    value = given.get(option) or run.settings.get(option)
    if isinstance(value, Mapping) or not value:  # what the landmarks were, not their file
        return []
    return [str(one) for one in (value if isinstance(value, list) else [value])]


def _broken(words: list[str]) -> str:
    """Return words as a command whose options stand on a line each."""
    lines, line = [], ""
    for one in words:
        quoted = one if one.startswith("--") else shlex.quote(one)
        if one.startswith("--") and line:
            lines.append(line)
            line = quoted
        else:
            line = f"{line} {quoted}".strip()
    return " \\\n    ".join([*lines, line])
