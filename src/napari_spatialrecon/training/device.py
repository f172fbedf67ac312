"""The device of a computation, and its number of threads."""

from __future__ import annotations

import os

import joblib
import torch

from napari_spatialrecon.errors import InputError

_assigned: torch.device | None = None


def assign_device(device: torch.device | None) -> None:
    """Let this process use one device of its kind alone, as one of several that train together."""
    global _assigned
    _assigned = device


def choose_device(name: str = "auto") -> torch.device:
    """Return the device with this name.

    Parameters
    ----------
    name
        ``auto`` (the first GPU if there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or
        ``mps`` (Apple).

    Raises
    ------
    InputError
        The name is not a device, or this computer does not have it.

    Examples
    --------
    >>> choose_device("cpu")
    device(type='cpu')
    """
    if _assigned is not None and name in ("auto", _assigned.type):
        return _assigned
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda", 0)
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind, colon, index = name.partition(":")
    if kind == "cuda" and (index.isdecimal() or not colon):
        return _cuda(name, int(index or 0))
    if name == "mps":
        if not torch.backends.mps.is_available():
            raise InputError(
                "Expected an Apple GPU, found none.", remedy="Try cpu or auto.", where="device"
            )
        return torch.device("mps")
    if name == "cpu":
        return torch.device("cpu")
    raise InputError(
        f"Expected auto, cpu, cuda, cuda:N or mps; found {name!r}.",
        remedy="Try auto.",
        where="device",
    )


def _cuda(name: str, index: int) -> torch.device:
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if index < count:
        # cuBLAS is reproducible bit for bit only with a workspace of fixed size.
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        return torch.device("cuda", index)
    found = "1 GPU" if count == 1 else f"{count} GPUs" if count else "no NVIDIA GPU"
    remedy = f"Try cuda:{count - 1}." if count else "Try cpu or auto."
    raise InputError(
        f"Expected the GPU {name!r}, found {found} that this PyTorch can use.",
        remedy=remedy,
        where="device",
    )


def limit_threads(count: int | None = None) -> int:
    """Set how many CPU threads PyTorch uses, and return the number.

    One core is left for the window: with as many threads as cores, a busy machine was 25 times
    slower in our measurement, because OpenMP threads spin.

    Parameters
    ----------
    count
        Number of threads; None for one less than the cores that this process may use, at least 1.
        Affinity and container quotas are respected.

    Raises
    ------
    InputError
        `count` is below 1.
    """
    if count is not None and count < 1:
        raise InputError(
            f"Expected at least 1 thread, found {count}.", remedy="Try 1.", where="threads"
        )
    threads = count if count is not None else max(1, joblib.cpu_count() - 1)
    torch.set_num_threads(threads)
    return threads
