"""Finding a platform's files in a folder, whatever sample name stands before theirs.

Imports nothing heavy: formats are told apart with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from napari_spatialrecon.errors import ChoiceError, Problem

#: What may stand between the name of a sample and that of a file.
_SEPARATORS = "_-. "

Names = Mapping[str, Sequence[str]]
"""Roles of a platform's files, and the names that a file or folder of each role may have."""
Found = dict[str, Path]
"""Files of one sample by role."""


def samples(path: Path, names: Names) -> dict[str, Found]:
    """Return the files of each sample in a folder, by what stands before their names.

    Parameters
    ----------
    path
        A folder, or one of the files in it: then only the sample of that file is returned.
    names
        Of each role the names in order of preference. Each is also found compressed (``.gz``).
        "*name" may follow its prefix without a mark between.

    Returns
    -------
    Files by prefix and role; "" is the prefix of files without one.

    Examples
    --------
    >>> samples(folder, {"counts": ("cell_by_gene.csv",)})  # doctest: +SKIP
    {"slide1": {"counts": Path("folder/slide1_cell_by_gene.csv")}}
    """
    folder = path if path.is_dir() else path.parent
    found: dict[str, dict[str, tuple[int, Path]]] = {}
    for entry in sorted(folder.iterdir()):
        known = _role(entry.name, names)
        if known is None:
            continue
        prefix, role, rank = known
        best = found.setdefault(prefix, {})
        if role not in best or rank < best[role][0]:
            best[role] = (rank, entry)
    if path.is_file():
        own = _role(path.name, names)
        found = {own[0]: found[own[0]]} if own else {}
    return {
        prefix: {role: entry for role, (_, entry) in roles.items()}
        for prefix, roles in found.items()
    }


def _role(name: str, names: Names) -> tuple[str, str, int] | None:
    """Return prefix, role and rank of a file name: the longest known name that it ends with."""
    plain = name.removesuffix(".gz")
    matches = [
        (len(ending), role, rank)
        for role, endings in names.items()
        for rank, marked in enumerate(endings)
        if _ends(plain, ending := marked.lstrip("*"), free=marked != ending)
    ]
    if not matches:
        return None
    length, role, rank = max(matches)
    return plain[:-length].rstrip(_SEPARATORS), role, rank


def _ends(name: str, ending: str, *, free: bool) -> bool:
    if not name.endswith(ending):
        return False
    before = name[: -len(ending)]
    return free or not before or ending[0] in _SEPARATORS or before[-1] in _SEPARATORS


def one_sample(
    found: Mapping[str, Found], needed: Sequence[str], asked: str | None, where: Path
) -> tuple[str, Found]:
    """Return prefix and files of the sample that is asked for, or of the only one.

    Where several are complete, or none is and there are several, one has to be named. Files
    without a prefix belong to the only one that is complete.

    Raises
    ------
    ChoiceError
        Several samples, and none or an unknown one is named. Files without a prefix are those of
        a sample with the name of the folder.
    """
    folder = where if where.is_dir() else where.parent
    names = {prefix or folder.name: prefix for prefix in found}
    complete = [name for name, prefix in names.items() if {*needed} <= {*found[prefix]}]
    choices = complete or list(names)
    if asked is None and len(choices) == 1:
        asked = choices[0]
    if asked not in names:
        raise ChoiceError("samples", "library", choices, asked=asked, where=str(where))
    own = found[names[asked]]
    return names[asked], {**found.get("", {}), **own} if len(choices) == 1 else own


def missing_files(
    files: Found,
    needed: Sequence[str],
    prefix: str,
    names: Names,
    where: Path,
    *,
    remedy: str,
) -> list[Problem]:
    """Return a problem for each role of a sample that no file has, by the first of its names."""
    start = f"{prefix}_" if prefix else ""
    return [
        Problem(
            str(where),
            f"Expected {start}{names[role][0].lstrip('*')}, found no such file.",
            remedy,
        )
        for role in needed
        if role not in files
    ]
