"""``session.json``: what a session's folder holds, and which versions of it are read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_spatialrecon.errors import InputError

MARK = "session.json"
"""File that makes a folder a session."""
SUFFIX = ".spatialrecon"
"""Ending of the folder's name."""
FORMAT = 1
"""Of the file; higher ones are refused."""
_PARTS = {
    "tables": list,
    "layers": list,
    "cells": list,
    "results": list,
    "models": list,
    "roles": list,
    "view": dict,
    "kept": dict,
}


class MovedError(InputError):
    """Files that a session refers to are not where they were.

    Parameters
    ----------
    missing
        Where they were.
    """

    def __init__(self, missing: Sequence[Path], where: str) -> None:
        self.missing = tuple(missing)
        names = ", ".join(path.name for path in self.missing[:6])
        more = ", ..." if len(self.missing) > 6 else ""
        files = "file" if len(self.missing) == 1 else "files"
        super().__init__(
            f"Expected the files of the session where they were, found {len(self.missing)} {files} "
            f"missing: {names}{more}.",
            remedy="Try Locate…, and choose the folder that holds them now.",
            where=where,
        )


class OutsideError(InputError):
    """A session that this user did not save names files outside its folder.

    Parameters
    ----------
    paths
        The files.
    """

    def __init__(self, paths: Sequence[Path], where: str) -> None:
        self.paths = tuple(paths)
        n = len(self.paths)
        super().__init__(
            "Expected a session that you did not save here to use only files in its own folder, "
            f"found {n} elsewhere.",
            remedy="Try opening it in the window and choosing Open, if you trust who made it.",
            where=where,
        )


def paths_in(content: Mapping[str, Any]) -> list[str]:
    """Return the paths of files that a session opens besides its own."""
    found = [table.get(key) for table in content["tables"] for key in ("path", "of")]
    for layer in content["layers"]:
        data = layer["data"] if layer is not None else {}
        found += [data.get("picture"), data.get("file")]
    found += [model.get("path") for model in content["models"]]
    return [str(path) for path in found if path is not None]


def is_session(path: str | Path) -> bool:
    """Return whether a folder is a saved session."""
    return (Path(path) / MARK).is_file()


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the content of a session's ``session.json``.

    Raises
    ------
    InputError
        The folder is not a session, or one that is damaged, incomplete or of a newer version.
    """
    try:
        content = json.loads((folder / MARK).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(
            f"Expected the folder of a session, found none (no readable {MARK}).",
            remedy='Try the folder that "Save session…" wrote.',
            where=folder.name,
        ) from error
    except (ValueError, RecursionError) as error:
        raise damaged(folder, f"{MARK} cannot be read") from error
    version = content.get("format") if isinstance(content, Mapping) else None
    if isinstance(version, int) and version > FORMAT:
        made = content.get("program", "")
        raise InputError(
            f"Expected a session of format {FORMAT} or earlier, found {version}, written by "
            f"version {made} of Spatial Reconstruction.",
            remedy="Try updating napari-spatialrecon.",
            where=folder.name,
        )
    whole = isinstance(version, int) and all(
        isinstance(content.get(part), kind) for part, kind in _PARTS.items()
    )
    if not whole:
        raise damaged(folder, f"{MARK} is incomplete")
    if not all(isinstance(table, Mapping) for table in content["tables"]):
        raise damaged(folder, f"{MARK} names no tables")
    held = [table.get(key) for table in content["tables"] for key in ("whole", "changes")]
    lost = [name for name in (content.get("arrays"), *held) if name and not _is_in(folder, name)]
    if lost:
        raise damaged(folder, f"{', '.join(sorted(map(str, lost)))} is missing")
    return dict(content)


def _is_in(folder: Path, name: str) -> bool:
    file = folder / str(name)
    return file.is_file() and file.resolve().is_relative_to(folder.resolve())


def damaged(folder: Path, why: str) -> InputError:
    """Return the error of a session that is not whole."""
    return InputError(
        f"Expected a whole session, found one that is damaged: {why}.",
        remedy="Try a copy of its folder.",
        where=folder.name,
    )
