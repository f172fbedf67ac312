"""Files that somebody made to do harm, or that a disk, a network or a person has damaged.

`inputs` yields hundreds of them over all readers, each small and the same for each seed.
"""

from __future__ import annotations

import gzip
import json
import random
import shutil
import struct
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import scipy.sparse as sp
import tifffile
from anndata import AnnData
from PIL import Image

#: Texts that are markup, controls, paths or only long.
TEXTS = (
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "a\x00b",
    "a\nb\r\n\x1b[31m",
    "../../../etc/passwd",
    "\u202egnp.exe",
    "{argument:set}",
    "%s%n{0}",
    "x" * 1_000_000,
)


@dataclass(frozen=True)
class Hostile:
    """One input.

    Parameters
    ----------
    reader
        Which function of `readers` opens it.
    make
        Writes it into an empty folder, and returns its path.
    """

    reader: str
    name: str
    make: Callable[[Path], Path]

    def __str__(self) -> str:
        return f"{self.reader}: {self.name}"


class Whole:
    """Whole files of every kind, made once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        rng = np.random.default_rng(0)
        n, g = 40, 30
        adata = AnnData(sp.csr_matrix(rng.poisson(2.0, (n, g)).astype(np.float32)))
        adata.obs_names = [f"spot{i}" for i in range(n)]
        adata.var_names = [f"Gene{i}" for i in range(g)]
        adata.obs["type"] = pd.Categorical(rng.choice(["one", "two"], n))
        adata.obs["depth"] = rng.normal(size=n)
        adata.obsm["spatial"] = rng.uniform(0, 900, (n, 2))
        adata.layers["counts"] = adata.X.copy()
        scale = {"tissue_hires_scalef": 0.5, "spot_diameter_fullres": 60.0}
        image = rng.integers(0, 255, (50, 50, 3)).astype(np.uint8)
        library = {"images": {"hires": image}, "scalefactors": scale}
        adata.uns["spatial"] = {"s": library}
        self.adata = adata
        adata.write_h5ad(folder / "a.h5ad")
        adata.write_zarr(folder / "a.zarr")
        self._tenx(folder / "m.h5")
        self._mtx(folder / "mtx")
        self._visium(folder / "visium", image)
        tifffile.imwrite(folder / "i.ome.tif", image, metadata={"axes": "YXS"})
        Image.fromarray(image).save(folder / "i.jpg")
        Image.fromarray(image).save(folder / "i.png")
        adata.to_df().to_csv(folder / "t.csv")

    def _tenx(self, path: Path) -> None:
        matrix = sp.csc_matrix(self.adata.X.T)
        with h5py.File(path, "w") as file:
            group = file.create_group("matrix")
            for key in ("data", "indices", "indptr"):
                group[key] = getattr(matrix, key)
            group["shape"] = np.array(matrix.shape)
            group["barcodes"] = np.array([f"B{i}-1" for i in range(40)], "S20")
            features = group.create_group("features")
            for key in ("id", "name"):
                features[key] = np.array([f"Gene{i}" for i in range(30)], "S20")
            features["feature_type"] = np.array(["Gene Expression"] * 30, "S20")
            features["genome"] = np.array(["mm10"] * 30, "S20")

    def _mtx(self, folder: Path) -> None:
        folder.mkdir()
        matrix = sp.coo_matrix(self.adata.X.T)
        head = f"%%MatrixMarket matrix coordinate integer general\n30 40 {matrix.nnz}\n"
        rows = zip(matrix.row, matrix.col, matrix.data, strict=True)
        text = head + "".join(f"{r + 1} {c + 1} {int(v)}\n" for r, c, v in rows)
        (folder / "matrix.mtx").write_text(text)
        names = "".join(f"Gene{i}\tGene{i}\tGene Expression\n" for i in range(30))
        (folder / "features.tsv").write_text(names)
        (folder / "barcodes.tsv").write_text("".join(f"B{i}-1\n" for i in range(40)))

    def _visium(self, folder: Path, image: np.ndarray) -> None:
        (folder / "spatial").mkdir(parents=True)
        shutil.copy(self.folder / "m.h5", folder / "filtered_feature_bc_matrix.h5")
        lines = [f"B{i}-1,1,{i // 8},{i % 8},{i * 9},{i % 8 * 100}" for i in range(40)]
        head = "barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres"
        (folder / "spatial" / "tissue_positions.csv").write_text("\n".join([head, *lines]))
        scale = {"tissue_hires_scalef": 0.5, "tissue_lowres_scalef": 0.1}
        scale |= {"spot_diameter_fullres": 60.0, "fiducial_diameter_fullres": 90.0}
        (folder / "spatial" / "scalefactors_json.json").write_text(json.dumps(scale))
        Image.fromarray(image).save(folder / "spatial" / "tissue_hires_image.png")


def inputs(whole: Whole, seed: int = 0) -> list[Hostile]:
    """Return all inputs, in the same order for each seed."""
    rng = random.Random(seed)
    found: list[Hostile] = []
    for reader, name in (
        *(("table", n) for n in ("a.h5ad", "a.zarr", "m.h5", "mtx", "visium", "t.csv")),
        *(("image", n) for n in ("i.ome.tif", "i.jpg", "i.png")),
    ):
        found += _damaged(whole.folder / name, reader, rng)
    found += _h5(whole.folder / "a.h5ad")
    found += _h5(whole.folder / "m.h5")
    found += _tables(whole.adata)
    found += _texts(whole.folder)
    found += _images()
    found += _csv()
    found += _json()
    return found


def _copy(source: Path, folder: Path) -> Path:
    target = folder / source.name
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)
    return target


def _damaged(source: Path, reader: str, rng: random.Random) -> Iterator[Hostile]:
    """Truncate, flip bytes of, empty and remove each file."""
    files = [source] if source.is_file() else sorted(p for p in source.rglob("*") if p.is_file())
    times = 24 if source.is_file() else 2
    for file in files[:60]:
        inner = file.relative_to(source) if source.is_dir() else Path()
        size = file.stat().st_size

        def change(
            folder: Path, edit: Callable[[bytes], bytes | None], inner: Path = inner
        ) -> Path:
            target = _copy(source, folder)
            path = target / inner if source.is_dir() else target
            data = edit(path.read_bytes())
            path.unlink() if data is None else path.write_bytes(data)
            return target

        def hostile(
            what: str,
            edit: Callable[[bytes], bytes | None],
            change: Any = change,
            name: str = f"{source.name}/{inner}",
        ) -> Hostile:
            return Hostile(reader, f"{name} {what}", lambda folder: change(folder, edit))

        for _ in range(times):
            at = rng.randrange(size) if size else 0
            yield hostile(f"ends at {at}", lambda data, at=at: data[:at])
            places = [rng.randrange(max(size, 1)) for _ in range(1 + size // 2000)]
            bits = rng.randrange(1, 256)
            yield hostile(
                f"flipped at {places[0]}", lambda data, p=places, b=bits: _flipped(data, p, b)
            )
        yield hostile("is empty", lambda data: b"")
        if source.is_dir():
            yield hostile("is missing", lambda data: None)


def _flipped(data: bytes, places: list[int], bits: int) -> bytes:
    changed = bytearray(data)
    for at in places:
        if at < len(changed):
            changed[at] ^= bits
    return bytes(changed)


def _h5(source: Path) -> Iterator[Hostile]:
    """Replace each object of an HDF5 file by what does not belong there."""
    names: list[str] = []
    with h5py.File(source) as file:
        file.visit(names.append)

    def edited(edit: Callable[[h5py.File, str], None], name: str) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            target = _copy(source, folder)
            with h5py.File(target, "r+") as file:
                edit(file, name)
            return target

        return make

    def put(value: Any) -> Callable[[h5py.File, str], None]:
        def edit(file: h5py.File, name: str) -> None:
            attributes = dict(file[name].attrs)
            del file[name]
            made = file[name] = value
            assert made is value
            for key, held in attributes.items():
                file[name].attrs[key] = held

        return edit

    def remove(file: h5py.File, name: str) -> None:
        del file[name]

    def outside(file: h5py.File, name: str) -> None:
        del file[name]
        file[name] = h5py.ExternalLink("/etc/passwd", "/x")

    def circle(file: h5py.File, name: str) -> None:
        del file[name]
        file[name] = file["/"]

    def itself(file: h5py.File, name: str) -> None:
        del file[name]
        file[name] = h5py.SoftLink(f"/{name}")

    def absurd(file: h5py.File, name: str) -> None:
        attributes = dict(file[name].attrs)
        del file[name]
        made = file.create_dataset(name, (10**12,), "f8", chunks=(1000,))
        made.attrs.update(attributes)

    def named_otherwise(file: h5py.File, name: str) -> None:
        file[name].attrs["encoding-type"] = "os.system"

    edits: list[tuple[str, Callable[[h5py.File, str], None]]] = [
        ("removed", remove),
        ("in another file", outside),
        ("its own parent", circle),
        ("itself", itself),
        ("of 10^12 values", absurd),
        ("of unknown encoding", named_otherwise),
        ("a number", put(7)),
        ("a text", put("text")),
        ("NaN", put(np.full(40, np.nan))),
        ("infinite", put(np.full(40, np.inf))),
        ("negative", put(np.full(40, -1))),
        ("complex", put(np.full(40, 1j))),
        ("empty", put(np.zeros(0))),
    ]
    for name in names:
        for what, edit in edits:
            yield Hostile("table", f"{source.name}:{name} is {what}", edited(edit, name))


def _tables(adata: AnnData) -> Iterator[Hostile]:
    """Tables that anndata writes, with contents that no task can use, or nobody expects."""

    def written(change: Callable[[AnnData], None]) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            changed = adata.copy()
            change(changed)
            changed.write_h5ad(folder / "a.h5ad")
            return folder / "a.h5ad"

        return make

    def values(value: float) -> Callable[[AnnData], None]:
        def change(a: AnnData) -> None:
            a.X.data[:] = value

        return change

    for value in (np.nan, np.inf, -np.inf, -1.0, 1e38, 0.5):
        yield Hostile("table", f"counts of {value}", written(values(value)))
        yield Hostile(
            "table",
            f"places at {value}",
            written(lambda a, v=value: a.obsm.__setitem__("spatial", np.full((40, 2), v))),
        )
    for shape in ((40, 0), (40, 1), (40, 3), (40, 500)):
        yield Hostile(
            "table",
            f"places of shape {shape}",
            written(lambda a, s=shape: a.obsm.__setitem__("spatial", np.zeros(s))),
        )

    def many(a: AnnData) -> None:
        wide = AnnData(sp.csr_matrix((100_000, 3), dtype=np.float32))
        wide.obs["type"] = pd.Categorical([f"type{i}" for i in range(100_000)])
        a._init_as_actual(wide)

    yield Hostile("table", "100,000 categories", written(many))
    for text in TEXTS[:-1]:
        safe = text.replace("\x00", "")

        def renamed(a: AnnData, safe: str = safe) -> None:
            a.obs_names = [f"{safe}{i}" for i in range(40)]
            a.var_names = [f"{safe}{i}" for i in range(30)]
            a.obs["type"] = pd.Categorical([safe] * 40)
            a.obs[safe.replace("/", "_") or "x"] = 1.0

        yield Hostile("table", f"named {text[:20]!r}", written(renamed))
    for name in ("metadata", "scalefactors", "images"):
        for wrong in (7, "text", [1, 2], {"tissue_hires_scalef": "x"}, {"hires": "../../etc"}):
            yield Hostile(
                "table",
                f"library {name} of {wrong!r}",
                written(lambda a, n=name, w=wrong: a.uns["spatial"]["s"].__setitem__(n, w)),
            )
    for path in ("/etc/passwd", "/dev/zero", "../../secret.tif", "//host/share/a.tif", "a\x01b"):
        yield Hostile(
            "table",
            f"image at {path!r}",
            written(
                lambda a, p=path: a.uns["spatial"]["s"].update(metadata={"source_image_path": p})
            ),
        )


def _texts(folder: Path) -> Iterator[Hostile]:
    """Text files with wrong numbers, sizes and separators."""

    def changed(source: str, inner: str, text: str) -> Callable[[Path], Path]:
        def make(into: Path) -> Path:
            target = _copy(folder / source, into)
            (target / inner).write_bytes(text.encode("utf-8", "surrogateescape"))
            return target

        return make

    head = "%%MatrixMarket matrix coordinate integer general\n"
    for text in (
        f"{head}1000000000000 40 5\n1 1 1\n",
        f"{head}30 1000000000000 5\n1 1 1\n",
        f"{head}30 40 1000000000000\n1 1 1\n",
        f"{head}-30 40 5\n1 1 1\n",
        f"{head}30 40 1\n99 99 1\n",
        f"{head}30 40 1\n0 0 1\n",
        f"{head}30 40 1\n1 1 x\n",
        f"{head}30 40 1\n1 1 -5\n",
        f"{head}30 40 1\n1 1 1e400\n",
        f"{head}30 40\n",
        f"{head}\n",
        "%%MatrixMarket matrix array complex hermitian\n30 40\n1 1\n",
        "no header\n",
        "x" * 10_000_000,
    ):
        yield Hostile("table", f"mtx {text[49:80]!r}", changed("mtx", "matrix.mtx", text))
    for inner in ("features.tsv", "barcodes.tsv"):
        for text in (*TEXTS, "", "a\n" * 10, "same\n" * 40, "\ufeffx\n" * 40, "\udcff\n" * 40):
            label = f"{inner} of {text[:20]!r}"
            yield Hostile("table", label, changed("mtx", inner, text))
    scale = "spatial/scalefactors_json.json"
    for text in (
        "{}",
        "[]",
        "null",
        '{"tissue_hires_scalef": "x"}',
        '{"tissue_hires_scalef": 0, "spot_diameter_fullres": 0}',
        '{"tissue_hires_scalef": -1, "spot_diameter_fullres": -5}',
        '{"tissue_hires_scalef": 1e308, "spot_diameter_fullres": 1e308}',
        '{"tissue_hires_scalef": NaN, "spot_diameter_fullres": Infinity}',
        "[" * 100_000,
        '{"a":' * 50_000,
        "9" * 100_000,
    ):
        yield Hostile("table", f"scale of {text[:50]!r}", changed("visium", scale, text))
    rows = "spatial/tissue_positions.csv"
    first = "barcode,in_tissue,array_row,array_col,pxl_row_in_fullres,pxl_col_in_fullres\n"
    for text in (
        first,
        "B0-1,1,0,0,1,1\n" * 40,
        first + "B0-1,1,0,0,nan,inf\n",
        first + "B0-1,1,0,0\n",
        first + "B0-1,x,y,z,a,b\n",
        first + "".join(f"B{i}-1,1,{i},{i},1e400,-1e400\n" for i in range(40)),
        first + "".join(f"B{i}-1,1,{i},{i},5,5\n" for i in range(40)),
        first + '"' * 100_000,
        "\x00" * 10_000,
        *TEXTS,
    ):
        yield Hostile("table", f"positions of {text[-40:][:30]!r}", changed("visium", rows, text))


def a_file(name: str, data: bytes) -> Callable[[Path], Path]:
    """What writes a file of this name."""

    def make(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return make


def _images() -> Iterator[Hostile]:
    def png(width: int, height: int) -> bytes:
        import zlib

        def chunk(kind: bytes, data: bytes) -> bytes:
            crc = struct.pack(">I", zlib.crc32(kind + data))
            return struct.pack(">I", len(data)) + kind + data + crc

        head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")

    for side in (0, 1, 100_000, 2**31 - 1):
        yield Hostile("image", f"png of {side} pixels a side", a_file("a.png", png(side, side)))
    bomb = "".join(f'<!ENTITY e{i} "{f"&e{i - 1};" * 10}">' for i in range(1, 12))
    bomb = f'<?xml version="1.0"?><!DOCTYPE o [<!ENTITY e0 "x">{bomb}]><OME>&e11;</OME>'
    outside = '<?xml version="1.0"?><!DOCTYPE o [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    for name, text in (
        ("entities", bomb),
        ("an entity of another file", f"{outside}<OME>&e;</OME>"),
        ("no XML", "<OME"),
        ("sizes of text", '<OME><Image><Pixels SizeX="x" SizeY="-1"/></Image></OME>'),
        ("no sizes", "<OME><Image><Pixels/></Image></OME>"),
        ("a size of 1e400", '<OME><Image><Pixels PhysicalSizeX="1e400"/></Image></OME>'),
        ("a negative size", '<OME><Image><Pixels SizeX="5" PhysicalSizeX="-1"/></Image></OME>'),
        ("depth", "<OME>" * 5_000),
    ):

        def make(folder: Path, text: str = text) -> Path:
            path = folder / "a.ome.tif"
            pixels = np.zeros((20, 20, 3), np.uint8)
            tifffile.imwrite(path, pixels, description=text, metadata=None)
            return path

        yield Hostile("image", f"OME-XML with {name}", make)
    for name in ("a.tif", "a.svs", "a.jpg", "a.png", "a.ome.tif"):
        for data in (b"", b"II*\0", b"II*\0" + b"\xff" * 64, b"\xff\xd8\xff" + b"\0" * 99):
            yield Hostile("image", f"{name} of {data[:8]!r}", a_file(name, data))
    loop = b"II*\0\x08\0\0\0" + b"\0\0" + struct.pack("<I", 8)
    yield Hostile("image", "a directory that follows itself", a_file("a.tif", loop))


def _csv() -> Iterator[Hostile]:
    for reader, head in (
        ("landmarks", "obs_name,x,y"),
        ("pairs", "x,y,ref_x,ref_y"),
    ):
        for text in (
            "",
            head,
            f"{head}\n{head}",
            f"{head}\nspot0,1,2\nspot0,1,2\nspot1,3,4",
            f"{head}\nspot0,nan,inf\nspot1,1,1\nspot2,2,2",
            f"{head}\nspot0,1e400,1\nspot1,1,1\nspot2,2,5",
            f"{head}\n1,1,1,1\n1,1,1,1\n1,1,1,1",
            f"{head}\n" + ",".join("1" * 10 for _ in range(10_000)),
            f"{head}\n" + '"' * 1000,
            "\x00" * 1000,
            "1,0,0\n0,0,0\n0,0,1",
            "nan,0,0\n0,nan,0\n0,0,1",
            "1,0,0\n0,1,0\n0,0,0",
            *TEXTS,
        ):

            def make(folder: Path, text: str = text) -> Path:
                path = folder / "a.csv"
                path.write_bytes(text.encode("utf-8", "surrogateescape"))
                return path

            yield Hostile(reader, f"csv of {text[:40]!r}", make)


def _json() -> Iterator[Hostile]:
    parts = ("null", "[]", "{}", "7", '"x"', "NaN", "[" * 50_000, '{"a":' * 50_000, "", "\x00")
    ring = [[0, 0], [1e400, 0], [1, 1], [0, 0]]
    shapes = [
        {"type": "FeatureCollection", "features": 7},
        {"type": "FeatureCollection", "features": [None, 7, "x"]},
        {"type": "Feature", "geometry": None, "properties": None},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": []}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[[0, "x"]]]}},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]}},
        {"type": "Feature", "geometry": {"type": "../../x", "coordinates": [ring]}},
    ]
    models = [
        {"format": 1, "method": "knn", "sha256": {"../../../etc/passwd": "0"}},
        {"format": 1, "method": "knn", "sha256": 7, "extra": {}},
        {"format": 10**30, "method": "knn"},
        {"format": "x", "method": ["knn"]},
        {"format": 1, "method": "os.system", "sha256": {}, "extra": {}, "fingerprints": {}},
    ]
    empty = {"layers": [], "cells": [], "results": [], "models": [], "roles": []}
    base = {"format": 1, "tables": [], **empty, "view": {}, "kept": {}, "arrays": "arrays.h5"}
    sessions = [
        {**base, "arrays": "../../../etc/passwd"},
        {**base, "arrays": 7},
        {**base, "tables": [{"whole": "../a.h5ad"}]},
        {**base, "tables": [7]},
        {**base, "layers": [{"kind": "os"}]},
        {**base, "models": [{"name": "x", "held": "../../model"}]},
        {**base, "results": [7]},
        {**base, "format": -1},
    ]
    records = [
        {"task": "place", "settings": {"command": "rm -rf /"}},
        {"task": "place", "settings": {"command": "spatialrecon demo --out /tmp/x"}},
        {"task": "../../x", "settings": {"command": ["spatialrecon", "place"]}},
        {"task": "place", "settings": 7},
    ]
    for reader, file, made in (
        ("regions", "a.geojson", shapes),
        ("model", "manifest.json", models),
        ("session", "session.json", sessions),
        ("record", "a.run.json", records),
    ):
        for text in (*parts, *map(json.dumps, made)):

            def make(folder: Path, file: str = file, text: str = text) -> Path:
                (folder / file).write_text(text)
                return folder if file in ("manifest.json", "session.json") else folder / file

            yield Hostile(reader, f"{file} of {text[:80]!r}", make)


def archives(folder: Path) -> list[Hostile]:
    """Return compressed files whose names or sizes lie."""

    def zipped(name: str, data: bytes) -> Callable[[Path], Path]:
        def make(into: Path) -> Path:
            with zipfile.ZipFile(into / "a.zarr.zip", "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(name, data)
            return into / "a.zarr.zip"

        return make

    def packed(into: Path) -> Path:
        target = _copy(folder / "mtx", into)
        (target / "matrix.mtx").unlink()
        (target / "matrix.mtx.gz").write_bytes(gzip.compress(b"%" * 50_000_000))
        return target

    names = ("../../evil.txt", "/evil.txt", "zarr.json", ".zattrs", "a/.zarray")
    found = [Hostile("table", f"zip with {name}", zipped(name, b"{}")) for name in names]
    return [*found, Hostile("table", "a gzip of 50 MB of comments", packed)]


def pickled(folder: Path) -> Path:
    """Write a zarr of format 2 whose names are pickled objects that would run code."""
    group = folder / "a.zarr"
    (group / "X").mkdir(parents=True)
    (group / ".zgroup").write_text('{"zarr_format": 2}')
    attributes = {"encoding-type": "anndata", "encoding-version": "0.1.0"}
    (group / ".zattrs").write_text(json.dumps(attributes))
    array = {"zarr_format": 2, "shape": [1], "chunks": [1], "dtype": "|O", "fill_value": None}
    array |= {"order": "C", "filters": [{"id": "pickle", "protocol": 4}], "compressor": None}
    (group / "X" / ".zarray").write_text(json.dumps(array))
    (group / "X" / "0").write_bytes(b"cos\nsystem\n(S'touch pwned'\ntR.")
    return group


def every(whole: Whole, seed: int = 0) -> list[Hostile]:
    """Return all inputs there are."""
    from hostile.platforms import more

    found = [*inputs(whole, seed), *archives(whole.folder)]
    return [*found, Hostile("table", "pickles in a zarr", pickled), *more(whole, seed)]
