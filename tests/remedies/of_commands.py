"""Remedies of the command line, in its words."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anndata
import numpy as np
import pytest

from napari_spatialrecon import cli
from napari_spatialrecon.claims import claimed
from napari_spatialrecon.command_line.face import CommandLine
from napari_spatialrecon.command_line.terminal import Approval
from napari_spatialrecon.command_line.together import together
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.tasks import memory
from remedies.cases import Step, command, options, remedy, written

FACE = CommandLine()
OUTPUTS = "command_line/outputs.py"


def told(file: str, *texts: str) -> Any:
    return remedy(file, *texts, face=FACE)


def pairs(tiny_folder: Path, tmp_path: Path) -> list[object]:
    """A command that aligns."""
    xy = np.asarray(anndata.read_h5ad(tiny_folder / "section1.h5ad").obsm["spatial"])[:5]
    lines = [",".join(map(str, [*p, *p])) for p in xy.tolist()]
    path = written(tmp_path / "p.csv", "\n".join(["x,y,ref_x,ref_y", *lines]))
    return ["align", "--slide", tiny_folder / "section1.h5ad", "--pairs", path]


@told("command_line/alignment.py", "Try 0, or 0.01.")
def _smoothing(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    out = ["--out", tmp_path / "o.h5ad", "--model", "thin-plate", "--smoothing"]
    base = [*pairs(tiny_folder, tmp_path), *out]
    yield lambda: command(*base, -1)
    yield lambda: [command(*base, value) for value in (0, 0.01)]


def explorer(tiny_folder: Path, tmp_path: Path) -> list[object]:
    written(tmp_path / "matrix.csv", "2,0,5\n0,2,7\n0,0,1\n")
    points = "fixedX,fixedY,alignmentX,alignmentY\n0,0,0,0\n10,0,5,0\n0,10,0,5\n10,10,5,5\n"
    written(tmp_path / "keypoints.csv", points)
    return ["align", "--slide", tiny_folder / "section1.h5ad", "--out", tmp_path / "o.h5ad"]


@told("command_line/alignment.py", "Try --pairs {}.")
def _points(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    base = explorer(tiny_folder, tmp_path)
    said = yield lambda: command(*base, "--transform", tmp_path / "keypoints.csv")
    yield lambda: command(*base, *options(str(said)))


@told("command_line/alignment.py", "Try --transform {}.")
def _matrix(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    base = explorer(tiny_folder, tmp_path)
    said = yield lambda: command(*base, "--pairs", tmp_path / "matrix.csv")
    yield lambda: command(*base, *options(str(said)))


@told("command_line/evaluating.py", "Try without --picture, or genes of a method that predicts it.")
def _picture(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    slide = tiny_folder / "section1.h5ad"
    base = ["evaluate", "genes", "--truth", slide, "--prediction"]
    picture = ["--picture", tmp_path / "p.png"]
    adata = anndata.read_h5ad(slide)[:, :9].copy()
    adata.X = adata.X.astype(np.float32)
    adata.var["origin"] = "imputed"
    adata.write_h5ad(tmp_path / "bare.h5ad")
    adata.var["reliability"] = 0.5
    adata.write_h5ad(tmp_path / "predicted.h5ad")
    yield lambda: command(*base, tmp_path / "bare.h5ad", *picture)
    yield lambda: (
        command(*base, tmp_path / "bare.h5ad"),
        command(*base, tmp_path / "predicted.h5ad", *picture),
    )


@told("command_line/genes.py", "Try --genes missing.")
def _no_genes(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    slide = anndata.read_h5ad(tiny_folder / "section1.h5ad")
    slide[:, :60].copy().write_h5ad(tmp_path / "part.h5ad")
    base = ["impute-genes", "--method", "knn", "--slide", tmp_path / "part.h5ad"]
    base += ["--reference", tiny_folder / "cells.h5ad", "--out", tmp_path / "o.h5ad"]
    said = yield lambda: command(*base, "--genes", " , ")
    yield lambda: command(*base, *options(str(said)))


@told("command_line/inputs.py", "Try {} {} alone.")
def _too_often(words: list[object], tmp_path: Path) -> Iterator[Step]:
    out = ["--out", tmp_path / "o.h5ad"]
    said = yield lambda: command(*words, *out, "--layer", "X", "--layer", "raw")
    yield lambda: command(*words, *out, *options(str(said).replace(" alone", "")))


@told("command_line/inputs.py", "Try without {} {}.")
def _no_such_choice(words: list[object], tmp_path: Path) -> Iterator[Step]:
    out = ["--out", tmp_path / "o.h5ad"]
    yield lambda: command(*words, *out, "--bin", "8")
    yield lambda: command(*words, *out)


@told("command_line/options.py", "Try one of the two.")
def _twice(words: list[object], tmp_path: Path) -> Iterator[Step]:
    out = ["--out", tmp_path / "o.h5ad"]
    yield lambda: command(*words, *out, "--seed", "1", "--seed", "2")
    yield lambda: command(*words, *out, "--seed", "2")


@told(OUTPUTS, "Try another path for {}.")
def _not_writable(words: list[object], tmp_path: Path) -> Iterator[Step]:
    written(tmp_path / "file", "x")
    said = yield lambda: command(*words, "--out", tmp_path / "file" / "o.h5ad")
    flag = options(str(said))[0]
    yield lambda: command(*words, flag, tmp_path / "o.h5ad")


@told(OUTPUTS, "Try another path for {}{}.")
def _over_an_input(words: list[object], tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    said = yield lambda: command(*words, "--out", tiny_folder / "cells.h5ad")
    flag = options(str(said))[0].rstrip(",")
    yield lambda: command(*words, flag, tmp_path / "o.h5ad")


@told(OUTPUTS, "Try {} {}.")
def _wrong_suffix(words: list[object], tmp_path: Path) -> Iterator[Step]:
    (tmp_path / "folder.h5ad").mkdir()

    def refused() -> None:
        from napari_spatialrecon.errors import InputError

        with pytest.raises(InputError) as caught:
            command(*words, "--out", tmp_path / "folder.h5ad")
        command(*words, *options(caught.value.remedy))
        command(*words, "--out", tmp_path / "o.txt")

    said = yield refused
    yield lambda: command(*words, *options(str(said)))


@told(OUTPUTS, "Try the folder named by the stopped run.")
def _resume(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    from napari_spatialrecon.errors import Stopped

    base = ["place", "--method", "dpvae", "--reference", tiny_folder / "section1.h5ad"]
    base += ["--query", tiny_folder / "cells.h5ad", "--out", tmp_path / "o.h5ad"]
    base += ["--set", "training.steps=200", "--set", "members=1", "--progress", "none"]
    yield lambda: command(*base, "--resume", tmp_path / "nothing")

    def follow() -> None:
        with pytest.raises(Stopped) as caught:
            command(*base, stop_after=3)
        command(*base, "--resume", caught.value.checkpoint)

    yield follow


@told(OUTPUTS, "Try another --out.")
def _folder_in_use(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    base = ["place", "--method", "knn", "--reference", tiny_folder / "section1.h5ad"]
    base += ["--query", tiny_folder / "cells.h5ad", "--progress", "none", "--out"]
    (tmp_path / "o.resume").mkdir()
    written(tmp_path / "o.resume" / "thesis.docx", "mine")
    yield lambda: command(*base, tmp_path / "o.h5ad")
    yield lambda: command(*base, tmp_path / "p.h5ad")


@told("command_line/placing.py", "Try --reference SLIDE.h5ad.")
def _no_reference(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    base = ["place", "--method", "knn", "--query", tiny_folder / "cells.h5ad"]
    base += ["--out", tmp_path / "o.h5ad"]
    said = yield lambda: command(*base)
    flag = options(str(said))[0]
    yield lambda: command(*base, flag, tiny_folder / "section1.h5ad")


@told("command_line/placing.py", "Try without --set and --config, or without --model.")
def _both(words: list[object], tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    model = tmp_path / "model"
    command(*words, "--out", tmp_path / "first.h5ad", "--save-model", model)
    query = ["place", "--method", "knn", "--query", tiny_folder / "cells.h5ad"]
    query += ["--out", tmp_path / "o.h5ad", "--model", model]
    changed = ["--set", "neighbours=5"]
    yield lambda: command(*query, *changed)
    yield lambda: (command(*query), command(*words, *changed, "--out", tmp_path / "o.h5ad"))


@told("command_line/validating.py", "Try without --set and --config, or without --model.")
def _validated_by_both(words: list[object], tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    model = tmp_path / "model"
    command(*words, "--out", tmp_path / "first.h5ad", "--save-model", model)
    slide = ["validate", "place", "--method", "knn", "--reference", tiny_folder / "section2.h5ad"]
    changed = ["--set", "neighbours=5"]
    yield lambda: command(*slide, *changed, "--model", model)
    yield lambda: (command(*slide, "--model", model), command(*slide, *changed))


@told("command_line/regions.py", "Try --geojson FILE, or --column NAME with --out FILE.geojson.")
def _no_regions(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    slide = tiny_folder / "section1.h5ad"
    base = ["annotate", "--slide", slide]
    square = [[-9e5, -9e5], [9e5, -9e5], [9e5, 9e5], [-9e5, 9e5], [-9e5, -9e5]]
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [square]}}
    path = written(tmp_path / "a.geojson", json.dumps({"features": [feature]}))
    yield lambda: command(*base, "--out", tmp_path / "o.h5ad")
    column = anndata.read_h5ad(slide).obs.columns[0]
    yield lambda: (
        command(*base, "--geojson", path, "--out", tmp_path / "o.h5ad"),
        command(*base, "--column", column, "--out", tmp_path / "o.geojson"),
    )


@told("command_line/regions.py", "Try --column with a column of obs.")
def _no_column(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    slide = tiny_folder / "section1.h5ad"
    base = ["annotate", "--slide", slide, "--out", tmp_path / "o.geojson"]
    column = anndata.read_h5ad(slide).obs.columns[0]
    yield lambda: command(*base)
    yield lambda: command(*base, "--column", column)


@told("command_line/super_resolution.py", "Try a slide with an image, or without --guided.")
def _guided(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    slide = anndata.read_h5ad(tiny_folder / "section1.h5ad")
    library = next(iter(slide.uns["spatial"].values()))
    for key in ("images", "images_files"):
        library.pop(key, None)
    library.get("metadata", {}).pop("source_image_path", None)
    slide.write_h5ad(tmp_path / "bare.h5ad")
    base = ["super-resolve", "--method", "uniform", "--factor", "7", "--out", tmp_path / "o.h5ad"]
    bare, whole = ["--slide", tmp_path / "bare.h5ad"], ["--slide", tiny_folder / "section1.h5ad"]
    yield lambda: command(*base, *bare, "--guided")
    yield lambda: (command(*base, *bare), command(*base, *whole, "--guided"))


@told(
    OUTPUTS,
    "Try the same command with --resume {} and another --out, "
    "which writes the result without training again.",
)
def _elsewhere(tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    words = ["place", "--method", "dpvae", "--reference", tiny_folder / "section1.h5ad"]
    words += ["--query", tiny_folder / "cells.h5ad", "--progress", "none"]
    words += ["--set", "training.steps=30", "--set", "members=1", "--out"]

    def full() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("napari_spatialrecon.hdf5.created", _full)
            command(*words, tmp_path / "o.h5ad")

    said = yield full
    resume = options(str(said))[:2]
    yield lambda: command(*words, tmp_path / "other" / "o.h5ad", *resume)
    assert not (tmp_path / "o.resume").exists()


def _full(path: Path) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


@told("claims.py", "Try another name, or wait for that run to end.")
def _two_runs(words: list[object], tmp_path: Path) -> Iterator[Step]:
    with claimed([(tmp_path / "o.h5ad").resolve()]):
        yield lambda: command(*words, "--out", tmp_path / "o.h5ad")
        command(*words, "--out", tmp_path / "p.h5ad")
    yield lambda: command(*words, "--out", tmp_path / "o.h5ad")


@told("claims.py", "Try {}.")
def _long_name(words: list[object], tmp_path: Path) -> Iterator[Step]:
    said = yield lambda: command(*words, "--out", tmp_path / f"{'long' * 60}.h5ad")
    yield lambda: command(*words, "--out", tmp_path / str(said)[4:-1])


@told("tasks/room.py", "Try another folder, or free some space.")
def _no_room(words: list[object], tmp_path: Path) -> Iterator[Step]:
    def little() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=9))
            command(*words, "--out", tmp_path / "o.h5ad")

    yield little
    assert not list(tmp_path.iterdir())
    yield lambda: command(*words, "--out", tmp_path / "other" / "o.h5ad")


REPEATING = "command_line/repeating.py"


@told(REPEATING, "Try a .run.json that lies beside a result, or run.json in a saved model.")
def _no_record(words: list[object], tmp_path: Path) -> Iterator[Step]:
    repeatable(words, tmp_path)
    yield lambda: command("repeat", tmp_path / "o.h5ad")
    yield lambda: command("repeat", tmp_path / "o.run.json")


@told(REPEATING, "Try the command that 'spatialrecon report' shows for its result.")
def _no_command(words: list[object], tmp_path: Path) -> Iterator[Step]:
    line = repeatable(words, tmp_path, without=True)
    yield lambda: command("repeat", tmp_path / "o.run.json")
    yield lambda: command(*line[1:])


@told(REPEATING, "Try from the folder that holds the files it was given.")
def _elsewhere_given(words: list[object], tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    line = repeatable(words, tmp_path)
    record = tmp_path / "o.run.json"
    held = record.read_text().replace(f"{tiny_folder}/", "")
    record.write_text(held)
    (tmp_path / "cells.h5ad").symlink_to(tiny_folder / "truth.h5ad")
    (tmp_path / "section1.h5ad").symlink_to(tiny_folder / "section2.h5ad")
    assert line
    yield lambda: command("repeat", record)

    def follow() -> None:
        with contextlib.chdir(tiny_folder):
            command("repeat", record)

    yield follow


@told(REPEATING, "Try {}, with what was used.")
def _of_python(words: list[object], tiny_folder: Path, tmp_path: Path) -> Iterator[Step]:
    repeatable(words, tmp_path)
    record = tmp_path / "o.run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "settings": {}}))
    yield lambda: command("repeat", record)
    given = [f"reference={tiny_folder / 'section1.h5ad'}", f"query={tiny_folder / 'cells.h5ad'}"]
    yield lambda: command("repeat", record, *(w for one in given for w in ("--given", one)))


@told(REPEATING, "Try without --given.")
def _given_twice(words: list[object], tmp_path: Path) -> Iterator[Step]:
    repeatable(words, tmp_path)
    yield lambda: command("repeat", tmp_path / "o.run.json", "--given", "query=other.h5ad")
    yield lambda: command("repeat", tmp_path / "o.run.json")


def repeatable(words: list[object], folder: Path, *, without: bool = False) -> list[str]:
    """Place cells; return the line, which the record holds unless it is to be without."""
    command(*words, "--out", folder / "o.h5ad")
    line = ["spatialrecon", *map(str, words), "--out", str(folder / "o.h5ad")]
    path = folder / "o.run.json"
    content = json.loads(path.read_text())
    content["settings"]["command"] = "" if without else shlex.join(line)
    path.write_text(json.dumps(content))
    return line


@told("tasks/memory.py", "Try {}, or {} to run all the same.")
def _memory(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Step]:
    """Both ways out: the method that fits, and the option."""
    monkeypatch.setattr(memory, "free_memory", lambda: 6e8)
    cells, slide = tiny_folder / "cells.h5ad", tiny_folder / "section1.h5ad"
    base = ["place", "--reference", slide, "--query", cells]
    few = ["--method", "come", "--set", "steps=2"]
    said = yield lambda: approved(*base, *few, "--out", tmp_path / "a.h5ad")
    method, option = str(said).removeprefix("Try ").split(", which")[0], "--over-memory"
    assert option in str(said)
    smaller = [*shlex.split(method), "--set", "members=1", "--set", "training.steps=2"]
    yield lambda: [
        approved(*base, *smaller, "--out", tmp_path / "b.h5ad"),
        approved(*base, *few, option, "--out", tmp_path / "c.h5ad"),
    ]


def approved(*words: object) -> None:
    """Run a command as from a program, which cannot be asked."""
    with memory.approving(Approval(given="--over-memory" in words)):
        command(*words)


def joined(*words: object) -> None:
    """Join the processes that a command asks for, without running it."""
    parsed = cli._parser().parse_args([str(word) for word in words])
    before = dict(os.environ)
    try:
        with together(parsed) as writes:
            assert writes
    finally:
        os.environ.clear()
        os.environ.update(before)


@told("command_line/together.py", "Try --method {}.")
def _choosing_together(tmp_path: Path) -> Iterator[Step]:
    base = ["place", "--reference", "a.h5ad", "--query", "c.h5ad", "--out", "o.h5ad"]
    said = yield lambda: joined(*base, "--method", "auto", "--devices", 1)
    yield lambda: joined(*base, *options(str(said)), "--devices", 1)


@told("training/team.py", "Try {}.")
def _devices(tmp_path: Path) -> Iterator[Step]:
    """More than there are, none, and one of several by name."""
    base = ["place", "--reference", "a.h5ad", "--query", "c.h5ad", "--out", "o.h5ad"]
    base += ["--method", "gears", "--device", "cpu"]
    said = yield lambda: joined(*base, "--devices", 0)

    def follow() -> None:
        joined(*base, *options(str(said)))
        with pytest.raises(InputError, match="Expected at most") as caught:
            joined(*base, "--devices", 10_000)
        number = int(caught.value.remedy.removeprefix("Try --devices ").removesuffix("."))
        assert number >= 1

    yield follow


@told(REPEATING, "Try its command: {}")
def _together_before(words: list[object], tmp_path: Path) -> Iterator[Step]:
    line = repeatable(words, tmp_path)
    record = tmp_path / "o.run.json"
    content = json.loads(record.read_text())
    content["settings"]["command"] += " --devices 1"
    record.write_text(json.dumps(content))
    said = yield lambda: command("repeat", record)
    offered = shlex.split(str(said).removeprefix("Try its command: "))
    assert offered[:2] == ["spatialrecon", line[1]] and offered[-2:] == ["--devices", "1"]
    yield lambda: command(*offered[1:])
