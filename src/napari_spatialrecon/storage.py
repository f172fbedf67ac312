"""Atomic writing of files: written under a temporary name, brought to the disk, then renamed.

A process that is killed can leave its temporary file; the next that writes there removes it.
"""

from __future__ import annotations

import errno
import glob
import json
import os
import platform
import re
import shutil
import uuid
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_spatialrecon.errors import InputError, WriteError

#: A file that identifies the folder of a saved model.
MANIFEST = "manifest.json"


#: Errors of a disk or a quota that is full, or of a file that is too large for its disk.
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
#: Files of a folder that are brought to the disk one by one; more of them, all at once.
_ONE_BY_ONE = 64


def explained(error: OSError, path: Path) -> InputError:
    """Return what the user is told of a place that cannot be written."""
    if isinstance(error, InputError):
        return error
    if error.errno in _FULL:
        return WriteError(
            "Expected enough disk space for the result, found the disk full.",
            remedy="Try another folder or free some space; no partial file was left.",
            where=str(path),
        )
    reason = error.strerror or str(error)
    return WriteError(
        f"Expected a writable location, found: {reason}.",
        remedy="Try another output path.",
        where=str(path),
    )


@contextmanager
def atomic_file(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path next to `path`; rename it to `path` if the block succeeds.

    Raises
    ------
    InputError
        The disk is full or the folder cannot be written. No partial file is left.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "a.txt"
    >>> with atomic_file(target) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> target.read_text()
    'whole'
    """
    path = Path(path)
    temporary = temporary_beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_abandoned(path)
        yield temporary
        _sync(temporary)
        temporary.replace(path)
        _sync(path.parent)
    except OSError as error:
        raise explained(error, path) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def check_replaceable(path: str | Path, mark: str, remedy: str = "") -> None:
    """Refuse to replace a folder that holds other files but none named `mark`.

    Raises
    ------
    InputError
        The folder was not written by this program.
    """
    path = Path(path)
    if path.is_dir() and any(path.iterdir()) and not (path / mark).is_file():
        raise InputError(
            "Expected a new folder or that of an older model, found a folder with other files.",
            remedy=remedy or f"Try {path / 'model'}.",
            where=str(path),
        )


@contextmanager
def atomic_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder next to `path`; it becomes `path` if the block succeeds."""
    path = Path(path)
    temporary = temporary_beside(path)
    old = temporary.with_name(temporary.name.replace(".tmp", ".old"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        clear_abandoned(path)
        temporary.mkdir()
        yield temporary
        _sync_all(temporary)
        if path.exists():
            path.rename(old)
        temporary.rename(path)
        _sync(path.parent)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise explained(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


@contextmanager
def folder_beside(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder next to `path`, on the same disk; it is removed in the end.

    Raises
    ------
    InputError
        The disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary = temporary_beside(path)
    try:
        clear_abandoned(path)
        temporary.mkdir()
        yield temporary
    except OSError as error:
        raise explained(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def temporary_beside(path: Path) -> Path:
    """Return a new name beside `path` that tells which process of which machine writes it."""
    token = f"{_machine()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
    return path.with_name(f".{path.stem}.{token}.tmp{path.suffix}")


def clear_abandoned(path: Path) -> None:
    """Remove what processes of this machine that ended while they wrote `path` have left.

    Where such a process had already moved an older folder away, that folder is put back.
    """
    pattern = re.compile(rf"\.{_machine()}-(\d+)-[0-9a-f]{{6}}\.(tmp|old){path.suffix}$")
    for found in path.parent.glob(f".{glob.escape(path.stem)}.*"):
        ours = pattern.search(found.name)
        if ours is None or _is_alive(int(ours[1])):
            continue
        if ours[2] == "old" and not path.exists():
            found.rename(path)
        elif found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()) & 0xFFFF:04x}"


def _is_alive(process: int) -> bool:
    import psutil

    return process == os.getpid() or psutil.pid_exists(process)


def _sync(path: Path) -> None:
    """Bring a file, or the names of a folder, to the disk, where the system can."""
    if os.name == "nt":  # opens no folders, and writes through files that are writable alone
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some disks cannot
            raise
    finally:
        os.close(number)


def _sync_all(folder: Path) -> None:
    files = [path for path in folder.rglob("*") if path.is_file()]
    if len(files) > _ONE_BY_ONE and hasattr(os, "sync"):
        os.sync()
        return
    for file in files:
        _sync(file)


def write_json(path: str | Path, content: Any) -> None:
    """Write `content` as indented JSON, atomically."""
    with atomic_file(path) as temporary:
        dump_json(temporary, content)


def dump_json(path: Path, content: Any) -> None:
    """Write `content` as indented JSON to a temporary file and flush it to disk."""
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False) + "\n"
    with path.open("w", encoding="utf-8") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
