"""What the plugin remembers between sessions: the values of forms, the scales of images.

Stored as JSON in the plugin's napari settings (the manifest's ``configurations``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

PLUGIN = "napari-spatialrecon"
FORMS, SCALES = "forms", "scales"


class NapariSettings(MutableMapping[str, str]):
    """The strings that the plugin keeps in napari's settings, by property name."""

    def _section(self) -> object:
        from napari.settings import get_plugin_settings

        settings: Any = get_plugin_settings(PLUGIN)  # napari makes its fields from the manifest
        section: object = settings.remembered
        return section

    def __getitem__(self, key: str) -> str:
        if key not in (FORMS, SCALES):
            raise KeyError(key)
        return str(getattr(self._section(), key))

    def __setitem__(self, key: str, value: str) -> None:
        setattr(self._section(), key, value)

    def __delitem__(self, key: str) -> None:
        self[key] = ""

    def __iter__(self) -> Iterator[str]:
        return iter((FORMS, SCALES))

    def __len__(self) -> int:
        return 2


class Memory:
    """Values kept in a store of strings; entries that cannot be parsed are ignored.

    Parameters
    ----------
    store
        Strings by name; default napari's settings. A plain dict lasts for one session.

    Examples
    --------
    >>> memory = Memory({})
    >>> memory.remember_scale("slide.jpg", 0.69)
    >>> memory.scale("slide.jpg")
    0.69
    """

    def __init__(self, store: MutableMapping[str, str] | None = None) -> None:
        self._store = NapariSettings() if store is None else store

    def scale(self, file: str) -> float | None:
        """Return the µm per pixel (or unit) that the user gave for a file, if any."""
        value = self._read(SCALES).get(file)
        return float(value) if isinstance(value, int | float) and value > 0 else None

    def remember_scale(self, file: str, um_per_unit: float) -> None:
        """Keep the µm per pixel (or unit) of a file."""
        self._write(SCALES, {**self._read(SCALES), file: um_per_unit})

    def form(self, name: str) -> dict[str, Any]:
        """Return the values last used in a form: its preset and what differed from it."""
        values = self._read(FORMS).get(name)
        return values if isinstance(values, dict) else {}

    def remember_form(self, name: str, values: Mapping[str, Any]) -> None:
        """Keep the values of a form."""
        self._write(FORMS, {**self._read(FORMS), name: dict(values)})

    def _read(self, key: str) -> dict[str, Any]:
        try:
            content = json.loads(self._store.get(key) or "{}")
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def _write(self, key: str, content: Mapping[str, Any]) -> None:
        self._store[key] = json.dumps(content, sort_keys=True)
