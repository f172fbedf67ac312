"""Atomic writing of files: written under a temporary name, then renamed."""

from __future__ import annotations

import errno
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_spatialrecon.errors import InputError

#: A file that identifies the folder of a saved model.
MANIFEST = "manifest.json"


def _explain(error: OSError, path: Path) -> InputError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return InputError(
            "Expected enough disk space for the result, found the disk full.",
            remedy="Try another folder or free some space; no partial file was left.",
            where=str(path),
        )
    reason = error.strerror or str(error)
    return InputError(
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
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise _explain(error, path) from error
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
    token = uuid.uuid4().hex[:8]
    temporary = path.with_name(f".{path.name}.{token}.tmp")
    old = path.with_name(f".{path.name}.{token}.old")
    try:
        temporary.mkdir(parents=True)
        yield temporary
        if path.exists():
            path.rename(old)
        temporary.rename(path)
    except OSError as error:
        if old.exists() and not path.exists():
            old.rename(path)
        raise _explain(error, path) from error
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
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        temporary.mkdir()
        yield temporary
    except OSError as error:
        raise _explain(error, path) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
