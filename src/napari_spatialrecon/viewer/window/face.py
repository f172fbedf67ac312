"""How messages name arguments and settings in the window."""

from __future__ import annotations

from typing import Any

from napari_spatialrecon.methods.registry import METHODS

#: Fields that are not called as the argument is.
_FIELDS = {
    "add": "the option --add of the command line",
    "references": "Reference",
    "register_to": "Histology",
    "display": "Histology",
    "ref": "Histology",
    "histology": "Let the H&E guide the split",
    "labels": "Types",
    "save_model": "Save model",
    "um_per_unit": "µm per unit, here or on the card under Data,",
}


class Window:
    """napari."""

    def argument(self, name: str, value: Any) -> str:
        """Return a field, ``SRast under Method``."""
        field = _FIELDS.get(name, name.replace("_", " ").capitalize())
        if value is ... or value is True:
            return field
        titles = {info.name: info.title for info in METHODS} if name == "method" else {}
        return f"{titles.get(value, value)} under {field}"

    def setting(self, name: str, value: Any) -> str:
        """Return a row of the settings, ``Training › steps = 300 under Settings``."""
        row = " › ".join(part.replace("_", " ") for part in name.split("."))
        row = row[:1].upper() + row[1:]
        return f"{row} under Settings" if value is ... else f"{row} = {_word(value)} under Settings"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)
