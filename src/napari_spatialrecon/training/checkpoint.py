"""A saved model: a folder of plain files, verified by checksum before use.

The folder holds `config.json` (hyper-parameters), `weights.safetensors`, `genes.txt` (a gene per
line, with its symbol and id) and `manifest.json` (format, versions, the SHA-256 of each file,
fingerprints of the data). No file in it can run code when opened.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as tensors_from_bytes
from safetensors.torch import save as tensors_to_bytes
from torch import Tensor

from napari_spatialrecon import provenance, storage
from napari_spatialrecon.errors import CheckpointError, InputError
from napari_spatialrecon.faces import argument
from napari_spatialrecon.legacy import renamed
from napari_spatialrecon.storage import MANIFEST

#: Version of the folder format; higher ones are rejected. In 1, Visium spots were taken as 55 µm.
FORMAT = 2
CONFIG, WEIGHTS, GENES = "config.json", "weights.safetensors", "genes.txt"


@dataclass(frozen=True)
class Checkpoint:
    """Content of a saved model, as read by `load_checkpoint`.

    Parameters
    ----------
    tensors
        Tensors by name, on the CPU.
    genes
        Genes of the model, in the order of its input.
    extra
        Anything else that the method saved, as JSON.
    fingerprints
        Fingerprints of the training inputs, by name.
    format
        Version of the folder format that it was written in.
    """

    folder: Path
    method: str
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    genes: tuple[str, ...]
    extra: dict[str, Any] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    package_version: str = ""
    format: int = FORMAT

    def require_genes(self, genes: Sequence[str]) -> np.ndarray:
        """Return the index of each gene of the model in `genes`: ``genes[index] == self.genes``.

        Raises
        ------
        CheckpointError
            A gene of the model is not in `genes`.
        """
        position = {gene: i for i, gene in enumerate(genes)}
        missing = [gene for gene in self.genes if gene not in position]
        if missing:
            names = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise CheckpointError(
                f"Expected the {len(self.genes)} genes of the saved model, found "
                f"{len(self.genes) - len(missing)} of them (without {names}).",
                remedy="Try data with the same gene panel, or train a new model.",
                where=str(self.folder),
            )
        return np.array([position[gene] for gene in self.genes], dtype=np.intp)


def save_checkpoint(
    folder: str | Path,
    *,
    method: str,
    config: Mapping[str, Any],
    tensors: Mapping[str, Tensor | np.ndarray],
    genes: Sequence[str] = (),
    extra: Mapping[str, Any] | None = None,
    fingerprints: Mapping[str, str] | None = None,
) -> None:
    """Write a model atomically; an older model in `folder` is replaced.

    Parameters
    ----------
    method
        Name of the method; `load_checkpoint` checks it.
    config
        The config's nested values (`Config.to_dict`).
    tensors
        Tensors or arrays by name, of any shape and on any device.
    extra
        Anything else, as JSON.

    Raises
    ------
    InputError
        The folder cannot be written or holds files other than a model's, or a gene name contains a
        line break.
    """
    storage.check_replaceable(folder, MANIFEST)
    broken = next((gene for gene in genes if "\n" in gene or "\r" in gene), None)
    if broken is not None:
        raise InputError(f"Expected gene names without line breaks, found {broken!r}.")
    contents = {
        CONFIG: _json(config),
        WEIGHTS: tensors_to_bytes({name: _plain(value) for name, value in tensors.items()}),
        GENES: "".join(f"{gene}\n" for gene in genes).encode(),
    }
    manifest: dict[str, Any] = {
        "format": FORMAT,
        "method": method,
        "package_version": provenance.versions().get("napari-spatialrecon", ""),
        "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in contents.items()},
        "fingerprints": dict(fingerprints or {}),
        "extra": dict(extra or {}),
    }
    manifest["digest"] = hashlib.sha256(_json(manifest)).hexdigest()
    with storage.atomic_folder(folder) as temporary:
        for name, data in contents.items():
            (temporary / name).write_bytes(data)
        (temporary / MANIFEST).write_bytes(_json(manifest))


def load_checkpoint(folder: str | Path, *, method: str) -> Checkpoint:
    """Read a model that `save_checkpoint` wrote.

    Raises
    ------
    CheckpointError
        A file is missing or damaged, the format is newer than this version of the package reads,
        or the model belongs to another method.
    """
    folder = Path(folder)
    manifest = _manifest(folder, method)
    if set(manifest["sha256"]) != {CONFIG, WEIGHTS, GENES}:
        raise _damaged(folder / MANIFEST, "it names other files than those of a model")
    contents = {name: _checked(folder / name, sha) for name, sha in manifest["sha256"].items()}
    try:
        tensors = tensors_from_bytes(contents[WEIGHTS])
        config = renamed(json.loads(contents[CONFIG]))
        genes = contents[GENES].decode().split("\n")[:-1]
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(folder, str(error)) from error
    return Checkpoint(
        folder=folder,
        method=method,
        config=config,
        tensors=tensors,
        genes=tuple(genes),
        extra=renamed(manifest["extra"]),
        fingerprints=manifest["fingerprints"],
        package_version=manifest["package_version"],
        format=int(manifest["format"]),
    )


def _manifest(folder: Path, method: str) -> dict[str, Any]:
    data = _bytes(folder / MANIFEST)
    try:
        manifest = dict(json.loads(data))
        version = int(manifest["format"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder / MANIFEST, "not the manifest of a model") from error
    if version > FORMAT:
        raise CheckpointError(
            f"Expected a model of format {FORMAT} or older, found format {version} "
            f"(written by napari-spatialrecon {manifest.get('package_version', '?')}).",
            remedy="Try a newer napari-spatialrecon.",
            where=str(folder),
        )
    digest = manifest.pop("digest", "")
    if digest != hashlib.sha256(_json(manifest)).hexdigest():
        raise _damaged(folder / MANIFEST, "the checksum does not match")
    if manifest["method"] != method:
        raise CheckpointError(
            f"Expected a model of {method!r}, found one of {manifest['method']!r}.",
            remedy=f"Try {argument('method', manifest['method'])}, or another folder.",
            where=str(folder),
        )
    return manifest


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(
            f"Expected a file of a saved model, found none: {error.strerror}.",
            remedy=f"Try the folder that {argument('save_model')} wrote.",
            where=str(path),
        ) from error


def _checked(path: Path, sha256: str) -> bytes:
    data = _bytes(path)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise _damaged(path, "the checksum does not match")
    return data


def _damaged(path: Path, found: str) -> CheckpointError:
    return CheckpointError(
        f"Expected an intact saved model, found damage: {found}.",
        remedy="Try another copy of the folder, or train again.",
        where=str(path),
    )


def _json(content: Mapping[str, Any]) -> bytes:
    text = json.dumps(content, indent=2, sort_keys=True, allow_nan=False)
    return text.encode() + b"\n"


def _plain(value: Tensor | np.ndarray) -> Tensor:
    """Return a contiguous copy on the CPU that shares memory with nothing."""
    tensor = torch.as_tensor(value).detach().cpu()
    return tensor.clone(memory_format=torch.contiguous_format)
