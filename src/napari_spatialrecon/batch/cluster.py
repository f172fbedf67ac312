"""Dask's workers: on this machine, at an address, or as jobs of SLURM."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager, suppress
from importlib.metadata import version
from typing import Any

from napari_spatialrecon.errors import InputError
from napari_spatialrecon.faces import argument

LOCAL, SLURM = "local", "slurm"
_CONNECT_S = 15
_PACKAGE = "napari-spatialrecon"


@contextmanager
def on_cluster(where: str, workers: int) -> Iterator[Executor]:
    """Open Dask's workers; a sample whose worker dies is run by another one, up to three times.

    Parameters
    ----------
    where
        ``local``, ``slurm`` (as set up in Dask's own ``jobqueue.yaml``), or the address of a
        scheduler (``tcp://HOST:8786``).
    workers
        How many are started; those at an address are taken as they are.

    Raises
    ------
    InputError
        Dask is not installed, the address does not answer, or a worker has another version.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise _not_installed("distributed") from error
    with _cluster(where, workers) as cluster:
        try:
            client = Client(cluster, timeout=_CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise InputError(
                f"Expected Dask's scheduler at {where}, found none that answers.",
                remedy=f"Try {argument('cluster', LOCAL)}, or the address that 'dask scheduler' "
                "prints.",
            ) from error
        try:
            _check_versions(client, where)
            yield client.get_executor(pure=False)
        finally:
            with suppress(OSError, TimeoutError):
                client.close(5)


def _cluster(where: str, workers: int) -> Any:
    """Return a cluster that closes itself, or the address of one."""
    if where == LOCAL:
        from distributed import LocalCluster

        return LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None, memory_limit=0
        )
    if where != SLURM:
        return _as_it_is(where)
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise _not_installed("dask-jobqueue") from error
    cluster = SLURMCluster()
    cluster.scale(jobs=workers)
    return cluster


@contextmanager
def _as_it_is(address: str) -> Iterator[str]:
    yield address


def _check_versions(client: Any, where: str) -> None:
    if where == SLURM:  # its jobs start this very Python, and may still wait in the queue
        return
    own = version(_PACKAGE)
    found = client.run(_version, on_error="return")
    if not found:
        raise InputError(
            f"Expected workers at {where}, found a scheduler without any.",
            remedy="Try 'dask worker ADDRESS' where this package is installed.",
        )
    other = [f"{worker}: {_told(v)}" for worker, v in found.items() if v != own]
    if other:
        raise InputError(
            f"Expected {_PACKAGE} {own} on every worker, found {'; '.join(sorted(other))}.",
            remedy="Try workers of an environment with the same version.",
        )


def _version() -> str:
    return version(_PACKAGE)


def _told(found: object) -> str:
    return found if isinstance(found, str) else "not installed"


def _not_installed(package: str) -> InputError:
    return InputError(
        f"Expected {package} for a cluster, found it not installed.",
        remedy="Try pip install 'napari-spatialrecon[cluster]'.",
    )
