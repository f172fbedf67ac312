"""Sessions that are kept on the side, so that a crash loses a few minutes at most."""

from __future__ import annotations

import json
import os
import re
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_spatialrecon.viewer.session.manifest import MARK, SUFFIX, is_session

EVERY_S = 180.0
"""Seconds between two copies, if something changed."""
SOON_S = 10.0
"""Seconds after a result was made."""
_IN_USE: set[Path] = set()
#: Name of such a folder: process, number, start. Others are being written, by whichever process.
_NAMED = re.compile(rf"(\d+)-\d+-(\d*){re.escape(SUFFIX)}")


@dataclass(frozen=True)
class Lost:
    """A session that ended without being saved."""

    folder: Path
    saved: datetime

    @property
    def when(self) -> str:
        """When it was kept last: the time, and the day if that is not today."""
        local = self.saved.astimezone()
        today = local.date() == datetime.now().astimezone().date()
        return local.strftime("%H:%M" if today else "%d %B, %H:%M").lstrip("0")


def autosave_home() -> Path:
    """Return the folder of the sessions that are kept on the side."""
    import platformdirs

    return Path(platformdirs.user_cache_dir("napari-spatialrecon")) / "autosave"


def own_folder(home: Path) -> Path:
    """Return a new folder for this process, which a later one recognizes by its name."""
    number = 1
    while (folder := home / f"{os.getpid()}-{number}-{_started(os.getpid())}{SUFFIX}") in _IN_USE:
        number += 1
    _IN_USE.add(folder)
    return folder


def lost_sessions(home: Path) -> list[Lost]:
    """Return the sessions of processes that have ended, the latest first."""
    found = []
    for folder in home.glob(f"*{SUFFIX}"):
        name = _NAMED.fullmatch(folder.name)
        if name is None or folder in _IN_USE or not is_session(folder) or _runs(*name.groups()):
            continue
        try:
            saved = json.loads((folder / MARK).read_text(encoding="utf-8"))["saved"]
            found.append(Lost(folder, datetime.fromisoformat(saved)))
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return sorted(found, key=lambda lost: lost.saved, reverse=True)


def forget(folder: Path) -> None:
    """Delete a session that was kept on the side."""
    shutil.rmtree(folder, ignore_errors=True)
    _IN_USE.discard(folder)


def _runs(number: str, started: str) -> bool:
    """Return whether the process of a folder still runs, not another one with its number."""
    return _started(int(number)) == started


def _started(process: int) -> str:
    import psutil

    try:
        return str(int(psutil.Process(process).create_time()))
    except (psutil.Error, ValueError):
        return ""
