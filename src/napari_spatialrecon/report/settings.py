"""The settings of a run that differ from the quick preset, each with what it means."""

from __future__ import annotations

from napari_spatialrecon.hyperparameters import Config, flattened, word
from napari_spatialrecon.report.parts import Section, Table
from napari_spatialrecon.report.run import Run
from napari_spatialrecon.report.tried import choice_of


def settings_section(run: Run) -> Section:
    """Return every setting that differs from the defaults, and where it comes from."""
    preset, known = preset_of(run), _config_class(run)
    text = [f"Preset {preset}, seed {run.record.get('seed', 'unknown')}."]
    if known is None:
        return Section(
            "settings",
            "Settings",
            (f"{text[0]} The method is not in this version: its settings cannot be explained.",),
        )
    rows = []
    plain, chosen = known().flat(), _preset(known, preset)
    options = {option.name: option for option in known.options()}
    used = flattened(run.record.get("config") or {})
    hand = "set by hand" if choice_of(run) is None else "chosen by auto"
    for name, value in used.items():
        if name not in options:
            rows.append((name, word(value), "", "", "No longer a setting."))
        elif value != plain[name]:
            by = f"preset {preset}" if value == chosen[name] else hand
            option = options[name]
            unit = f" {option.unit}" if option.unit else ""
            rows.append((name, f"{word(value)}{unit}", word(plain[name]), by, option.help))
    if not used:
        text.append("The record holds no settings.")
    elif not rows:
        text.append("Every setting has its default value.")
    table = Table(
        "Settings that differ from the defaults (preset quick)",
        ("Setting", "This run", "Default", "From", "Meaning"),
        tuple(rows),
    )
    return Section("settings", "Settings", (" ".join(text),), tables=(table,) if rows else ())


def preset_of(run: Run) -> str:
    """Return the preset that a run started from; of a method that was chosen, that of its trial."""
    for value in run.settings.values():
        if isinstance(value, dict) and "tried_preset" in value.get("config", {}):
            return str(value["config"]["tried_preset"])
    return str(run.settings.get("preset", "quick"))


def changed(run: Run) -> dict[str, object]:
    """Return the settings that differ from the run's preset, and still exist."""
    known = _config_class(run)
    if known is None:
        return {}
    start = _preset(known, preset_of(run))
    used = flattened(run.record.get("config") or {})
    return {n: v for n, v in used.items() if n in start and v != start[n]}


def _preset(known: type[Config], name: str) -> dict[str, object]:
    return (known.preset(name) if name in known.presets() else known()).flat()


def _config_class(run: Run) -> type[Config] | None:
    return None if run.info is None else run.info.config()
