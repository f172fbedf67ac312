"""Claims on outputs: of two runs that write one path, the second is refused."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from napari_spatialrecon import storage
from napari_spatialrecon.errors import InputError

#: Bytes that a temporary name adds to that of an output, and the most that a name may have.
_ADDED, _LONGEST = 40, 255


@contextmanager
def claimed(paths: Iterable[Path]) -> Iterator[None]:
    """Hold outputs for this process, by a locked file beside each, until the block ends.

    Their folders are made; those of them that are still empty in the end are removed.

    Raises
    ------
    InputError
        Another process writes one of them, or its name is too long.
    WriteError
        Nothing can be written there.
    """
    with ExitStack() as held:
        for path in paths:
            held.enter_context(_claimed(path.absolute()))
        yield


def wait_until_free(path: Path, seconds: float) -> None:
    """Wait, at most for some seconds, while another process holds an output."""
    from filelock import FileLock, Timeout

    held = path.with_name(f".{path.name}.lock")
    lock = FileLock(held)
    try:
        if held.exists():
            lock.acquire(timeout=seconds)
    except (Timeout, OSError):
        return
    finally:
        lock.release()


_patience = [0.0]


def wait_for_others(seconds: float) -> None:
    """Let later claims of this process wait for a run that holds an output, but no longer."""
    _patience[0] = seconds


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    from filelock import FileLock, Timeout

    _check_name(path)
    missing = [folder for folder in path.parents if not folder.exists()]
    lock = FileLock(path.with_name(f".{path.name}.lock"), timeout=_patience[0])
    try:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            storage.clear_abandoned(path)
        except Timeout as error:
            raise InputError(
                "Expected an output that no other run writes, found a run that writes it.",
                remedy="Try another name, or wait for that run to end.",
                where=str(path),
            ) from error
        except OSError as error:
            raise storage.explained(error, path) from error
        try:
            yield
        finally:
            with suppress(OSError):  # while it is held, so that nobody holds a file without a name
                Path(lock.lock_file).unlink()
            lock.release()
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def _check_name(path: Path) -> None:
    size = len(os.fsencode(path.name)) + _ADDED
    if size > _LONGEST:
        raise InputError(
            f"Expected a name of at most {_LONGEST - _ADDED} bytes, found {size - _ADDED}.",
            remedy=f"Try {path.name[:20] + path.suffix}.",
            where=str(path),
        )
