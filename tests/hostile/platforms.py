"""Hostile folders of platforms, Parquet, headers of images, tables of batches and alignments."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from hostile.generator import TEXTS, Hostile, Whole, _copy, _damaged, a_file

N = 40


def more(whole: Whole, seed: int = 0) -> list[Hostile]:
    """Return the inputs of this file, in the same order for each seed."""
    rng = random.Random(seed)
    _xenium(whole.folder)
    _hd(whole.folder)
    return [
        *_damaged(whole.folder / "xenium", "table", rng),
        *_damaged(whole.folder / "hd", "table", rng),
        *_xenium_content(whole.folder / "xenium"),
        *_parquets(whole.folder, "xenium", "cells.parquet", _cells()),
        *_parquets(whole.folder, "hd", "spatial/tissue_positions.parquet", _positions()),
        *_headers(),
        *_svs(),
        *_batches(),
        *_alignments(),
    ]


def _cells() -> dict[str, Any]:
    xy = np.random.default_rng(0).uniform(0, 900, (2, N))
    return {"cell_id": [f"B{i}-1" for i in range(N)], "x_centroid": xy[0], "y_centroid": xy[1]}


def _positions() -> dict[str, Any]:
    rows, columns = np.divmod(np.arange(N), 8)
    return {
        "barcode": [f"B{i}-1" for i in range(N)],
        "in_tissue": np.ones(N, int),
        "array_row": rows,
        "array_col": columns,
        "pxl_row_in_fullres": rows * 9.0,
        "pxl_col_in_fullres": columns * 9.0,
    }


def _xenium(folder: Path) -> None:
    made = folder / "xenium"
    if made.exists():
        return
    made.mkdir()
    shutil.copy(folder / "m.h5", made / "cell_feature_matrix.h5")
    pq.write_table(pa.table(_cells()), made / "cells.parquet")
    (made / "experiment.xenium").write_text(json.dumps({"pixel_size": 0.2125, "images": {}}))
    (made / "morphology_focus").mkdir()
    shutil.copy(folder / "i.ome.tif", made / "morphology_focus" / "morphology_focus_0000.ome.tif")


def _hd(folder: Path) -> None:
    made = folder / "hd"
    if made.exists():
        return
    shutil.copytree(folder / "visium", made)
    (made / "spatial" / "tissue_positions.csv").unlink()
    pq.write_table(pa.table(_positions()), made / "spatial" / "tissue_positions.parquet")


def _xenium_content(source: Path) -> Iterator[Hostile]:
    texts = (
        "null",
        "[]",
        "7",
        "[" * 50_000,
        "\x00",
        '{"pixel_size": "x"}',
        '{"pixel_size": 1e400}',
    )
    odd = (
        {"pixel_size": -1},
        {"pixel_size": {}},
        {"pixel_size": 0.2, "region_name": ["<b>"]},
        {"images": {"morphology": "../../../../etc/passwd"}},
        {"images": 7, "xenium_explorer_files": [1]},
    )
    for text in (*texts, *map(json.dumps, odd)):

        def make(folder: Path, text: str = text) -> Path:
            target = _copy(source, folder)
            (target / "experiment.xenium").write_text(text)
            return target

        yield Hostile("table", f"experiment.xenium of {text[:60]!r}", make)

    def zarr(arrays: dict[str, Any], attributes: dict[str, Any]) -> Callable[[Path], Path]:
        def make(folder: Path) -> Path:
            import zarr as library

            target = _copy(source, folder)
            (target / "cell_feature_matrix.h5").unlink()
            root = library.open_group(target / "cell_feature_matrix.zarr", mode="w", zarr_format=2)
            group = root.create_group("cell_features")
            group.attrs.update(attributes)
            for name, values in arrays.items():
                group.create_array(name, data=np.asarray(values))
            return target

        return make

    stated = {"number_features": 1, "number_cells": 1, "feature_keys": ["A"]}
    stated |= {"feature_ids": ["A"], "feature_types": ["gene"]}
    whole = {"data": [1], "indices": [0], "indptr": [0, 1], "cell_id": [[1, 1]]}
    for what, arrays, attributes in (
        ("no attributes", whole, {}),
        ("10^12 cells", whole, {**stated, "number_cells": 10**12}),
        ("-1 cells", whole, {**stated, "number_cells": -1}),
        ("cells of text", whole, {**stated, "number_cells": "x"}),
        ("keys of numbers", whole, {**stated, "feature_keys": 7}),
        ("types of nothing", whole, {**stated, "feature_types": None}),
        ("indices outside", {**whole, "indices": [10**6]}, stated),
        ("negative indices", {**whole, "indices": [-5]}, stated),
        ("odd pointers", {**whole, "indptr": [5, -1]}, stated),
        ("NaN", {**whole, "data": [np.nan]}, stated),
        ("names of floats", {**whole, "cell_id": [[np.inf, np.nan]]}, stated),
        ("no names", {**whole, "cell_id": np.zeros((0, 2), int)}, stated),
    ):
        yield Hostile("table", f"zarr of Xenium with {what}", zarr(arrays, attributes))


def _parquets(folder: Path, source: str, inner: str, columns: dict[str, Any]) -> Iterator[Hostile]:
    """Put columns of other types, lengths and contents into a table that a folder holds."""

    def file(write: Callable[[Path], None]) -> Callable[[Path], Path]:
        def make(into: Path) -> Path:
            target = _copy(folder / source, into)
            write(target / inner)
            return target

        return make

    def table(made: dict[str, Any], **how: Any) -> Callable[[Path], None]:
        return lambda path: pq.write_table(pa.table(made), path, **how)

    odd = {
        "NaN": np.full(N, np.nan),
        "infinite": np.full(N, np.inf),
        "1e308": np.full(N, 1e308),
        "text": ["x"] * N,
        "markup": ["<script>alert(1)</script>"] * N,
        "bytes": [b"\xff\x00"] * N,
        "nothing": pa.nulls(N),
        "lists": [[1.0, 2.0]] * N,
        "structs": [{"a": 1}] * N,
        "dates": np.full(N, np.datetime64("2020-01-01", "ns")),
        "yes and no": [True, False] * (N // 2),
        "one value": [columns[next(iter(columns))][0]] * N,
        "decimals": pa.array([1] * N).cast(pa.decimal128(25, 2)),
        "categories": pa.array(["a", "b"] * (N // 2)).dictionary_encode(),
    }
    for name in columns:
        for what, values in odd.items():
            changed = file(table({**columns, name: values}))
            yield Hostile("table", f"{source} parquet, {name} of {what}", changed)
        less = {k: v for k, v in columns.items() if k != name}
        yield Hostile("table", f"{source} parquet without {name}", file(table(less)))
    empty = {name: [] for name in columns}
    yield Hostile("table", f"{source} parquet of no rows", file(table(empty)))
    many = {name: np.tile(np.asarray(v), 25_000) for name, v in columns.items()}
    yield Hostile("table", f"{source} parquet of 10^6 rows", file(table(many, compression="zstd")))
    wide = {**columns, **{f"c{i}": np.zeros(N) for i in range(1_000)}}
    yield Hostile("table", f"{source} parquet of 1,000 columns", file(table(wide)))

    def noted(note: bytes) -> Callable[[Path], None]:
        made = pa.table(columns)
        return lambda path: pq.write_table(made.replace_schema_metadata({b"pandas": note}), path)

    for note in (b"x", b"null", b'{"index_columns": ["../x"], "columns": 7}', b"[" * 50_000):
        yield Hostile("table", f"{source} parquet noted {note[:20]!r}", file(noted(note)))

    def foot(size: int) -> Callable[[Path], None]:
        def write(path: Path) -> None:
            table(columns)(path)
            data = path.read_bytes()
            path.write_bytes(data[:-8] + struct.pack("<I", size) + b"PAR1")

        return write

    for size in (0, 1, 2**31, 2**32 - 1):
        yield Hostile("table", f"{source} parquet with a foot of {size}", file(foot(size)))
    yield Hostile(
        "table", f"{source} parquet that is a folder", file(lambda p: (p.unlink(), p.mkdir()))
    )


#: Tags of a TIFF, and values of theirs that are absurd.
_TAGS = {
    256: ("width", (0, 1, 100_000, 2**32 - 1)),
    257: ("height", (0, 1, 100_000, 2**32 - 1)),
    258: ("bits", (0, 1, 3, 64, 65_535)),
    259: ("compression", (0, 2, 5, 7, 8, 33_005, 50_000, 65_535)),
    262: ("color", (0, 3, 6, 65_535)),
    273: ("offset", (0, 5, 2**32 - 1)),
    277: ("samples", (0, 2, 5, 65_535)),
    278: ("rows in a strip", (0, 1, 2**32 - 1)),
    279: ("bytes of a strip", (0, 1, 2**32 - 1)),
    284: ("planes", (0, 2, 65_535)),
    317: ("predictor", (0, 2, 3, 65_535)),
    339: ("format", (0, 3, 6, 65_535)),
    330: ("directories below", (8, 2**32 - 1)),
}
_PLAIN = {256: 16, 257: 16, 258: 8, 259: 1, 262: 1, 273: 300, 277: 1, 278: 16, 279: 256}


def tiff(tags: dict[int, int], *, next_one: int = 0, text: bytes = b"") -> bytes:
    """Return a TIFF of one directory with these tags, whatever they mean."""
    entries = sorted({**tags, **({270: 0} if text else {})}.items())
    size = 8 + 2 + 12 * len(entries) + 4
    lines = b"".join(
        struct.pack("<HHII", 270, 2, len(text), size)
        if tag == 270
        else struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in entries
    )
    head = b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + lines
    return (head + struct.pack("<I", next_one) + text).ljust(1000, b"\x01")


def _headers() -> Iterator[Hostile]:
    for tag, (what, values) in _TAGS.items():
        for value in values:
            made = a_file("a.tif", tiff({**_PLAIN, tag: value}))
            yield Hostile("image", f"tif with {what} {value}", made)
        left = a_file("a.tif", tiff({k: v for k, v in _PLAIN.items() if k != tag}))
        yield Hostile("image", f"tif without {what}", left)
    wide = {256: 100_000, 257: 100_000}
    for name in ("a.tif", "a.svs", "a.ome.tif"):
        for compression in (1, 7, 8, 33_005):
            data = tiff({**_PLAIN, **wide, 259: compression})
            what = f"{name} of 100,000 a side in 1 kB, compression {compression}"
            yield Hostile("image", what, a_file(name, data))
        for side in (0, 1, 16, 2**31, 2**32 - 1):
            tiles = {322: side, 323: side, 324: 300, 325: 256}
            data = tiff({**_PLAIN, **wide, **tiles})
            yield Hostile("image", f"{name} in tiles of {side}", a_file(name, data))
    for following in (8, 4, 999, 2**32 - 1):
        made = a_file("a.tif", tiff(_PLAIN, next_one=following))
        yield Hostile("image", f"tif whose next directory is at {following}", made)
    for tag in (256, 270, 273, 279, 320, 324, 330, 700, 34_665, 65_000):
        for kind, count in ((2, 2**32 - 1), (12, 2**31), (0, 1), (99, 7), (16, 2**29)):
            data = bytearray(tiff({**_PLAIN, tag: 0}))
            at = next(i for i in range(10, 300, 12) if struct.unpack_from("<H", data, i)[0] == tag)
            struct.pack_into("<HI", data, at + 2, kind, count)
            what = f"tif with {count} values of kind {kind} at {tag}"
            yield Hostile("image", what, a_file("a.tif", bytes(data)))
    big = struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16)
    for count in (0, 1, 2**20, 2**63, 2**64 - 1):
        data = big + struct.pack("<Q", count) + b"\xff" * 200
        yield Hostile("image", f"BigTIFF of {count} tags", a_file("a.tif", data))


def _svs() -> Iterator[Hostile]:
    for size in ("nan", "inf", "-1", "0", "1e400", "x", "", "0,25", "1" * 5_000, "\u0661"):
        for form in ("Aperio Image Library v12|MPP = {}|AppMag = 20", "Aperio\r\n|mpp={}"):
            text = form.format(size).encode()[:600]

            def make(folder: Path, text: bytes = text) -> Path:
                (folder / "a.svs").write_bytes(tiff(_PLAIN, text=text + b"\0"))
                return folder / "a.svs"

            yield Hostile("image", f"svs with {text[:40]!r}", make)


def _batches() -> Iterator[Hostile]:
    head = "sample,method,reference,query"
    row = "s,knn,a.h5ad,b.h5ad"
    texts = (
        "",
        "sample",
        head,
        f"{head}\n{row}",
        f"{head}\n{row}\n{row}",
        f"{head}\n../../x,knn,a.h5ad,b.h5ad",
        f"{head}\n/etc/x,knn,a.h5ad,b.h5ad",
        f"{head}\nCON,knn,../../../etc/passwd,b.h5ad",
        f"{head}\ns,os.system,a.h5ad,b.h5ad",
        f"{head}\ns,knn,a.h5ad;;a.h5ad,b.h5ad",
        f"{head},out\n{row},/tmp/stolen",
        f"{head},--out\n{row},/tmp/stolen",
        f"{head},save-model\n{row},/tmp/stolen",
        f"{head},config\n{row},/dev/zero",
        f"{head},seed\n{row},-1",
        f"{head},seed\n{row},{'9' * 5_000}",
        f"{head},set\n{row},x=__import__('os')",
        f"{head},help\n{row},yes",
        "sample,sample\na,b",
        "sample,\na,b",
        f"{head}\n" + "\n".join(f"s{i},knn,a.h5ad,b.h5ad" for i in range(1_000)),
        ",".join(["sample", *(f"c{i}" for i in range(10_000))]) + "\ns",
        f'{head}\n"s,knn,a.h5ad,b.h5ad',
        f'{head}\n"{"x" * 200_000}",knn,a.h5ad,b.h5ad',
        f"{head}\n=cmd|'/c calc'!A1,knn,a.h5ad,b.h5ad",
        "sample;method\ns;knn",
        "\ufeffsample\ts\n1\t2",
        "\x00" * 1000,
        *TEXTS,
        *(f"{head}\n{text[:90]},knn,a.h5ad,b.h5ad" for text in TEXTS),
        *(f"{head}\ns,{text[:90]},a.h5ad,b.h5ad" for text in TEXTS),
        *(f"{head}\ns,knn,{text[:90]},b.h5ad" for text in TEXTS),
    )
    for number, text in enumerate(texts):

        def make(folder: Path, text: str = text) -> Path:
            (folder / "b.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
            return folder / "b.csv"

        yield Hostile("batch", f"{number}: {text[:50]!r}", make)
    for data in (b"\xff\xfe\x00", b"sample\n\xe4", b"PK\x03\x04", b"\x89HDF\r\n\x1a\n"):

        def raw(folder: Path, data: bytes = data) -> Path:
            (folder / "b.csv").write_bytes(data)
            return folder / "b.csv"

        yield Hostile("batch", f"of the bytes {data!r}", raw)


def _alignments() -> Iterator[Hostile]:
    keypoints = "fixedX,fixedY,alignmentX,alignmentY"
    spots = '[{"row": 0, "col": 0, "imageX": 1, "imageY": 2}]'
    texts = {
        "a.csv": (
            "",
            "1,0,0",
            "1,0,0\n0,1,0\n0,0,1",
            "1,0,0\n0,1,0\n0,0,0",
            "0,0,0\n0,0,0\n0,0,1",
            "nan,0,0\n0,nan,0\n0,0,1",
            "1e308,0,0\n0,1e308,0\n0,0,1",
            "1e-320,0,0\n0,1e-320,0\n0,0,1",
            "1,0,0\n0,1,0\n1e9,1e9,1e-9",
            "1,0,1e400\n0,1,0\n0,0,1",
            "1j,0,0\n0,1,0\n0,0,1",
            "a,b,c\nd,e,f\ng,h,i",
            "1,0\n0,1,0\n0,0,1",
            "\n".join([",".join("1" * 3)] * 10_000),
            keypoints,
            f"{keypoints}\n" + "1,1,1,1\n" * 9,
            f"{keypoints}\n1,nan,1,1\n2,2,inf,2\n3,1,2,3",
            f"{keypoints}\n1,1,1,1\n2,2,2,2",
            f"{keypoints}\n" + "\n".join(f"{i},{i},{i},{i}" for i in range(9)),
            f"{keypoints}\n1,2,3",
            f"{keypoints}\nx,y,z,w",
            "x,y,ref_x,ref_y\n0,0,0,0\n1e300,0,1,0\n0,1e300,0,1",
            *TEXTS,
        ),
        "a.json": (
            "",
            "null",
            "7",
            "[]",
            "{}",
            "[" * 50_000,
            '{"transform": 7}',
            '{"transform": []}',
            '{"transform": [[1, 0], [0, 1]]}',
            '{"transform": [["x", 0, 0], [0, 1, 0], [0, 0, 1]]}',
            '{"transform": [[NaN, 0, 0], [0, 1, 0], [0, 0, 1]]}',
            '{"transform": [[1e400, 0, 0], [0, 1, 0], [0, 0, 1]]}',
            '{"transform": [[0, 0, 0], [0, 0, 0], [0, 0, 0]]}',
            '{"transform": null, "oligo": "x"}',
            '{"oligo": [{"x": {}, "y": []}], "transform": [[1,0,0],[0,1,0],[0,0,1]]}',
            f'{{"oligo": {spots}, "cytAssistInfo": {{"transformImages": [[1]]}}}}',
            f'{{"oligo": {spots}, "cytAssistInfo": {{"transformImages": [[0, 0, 0]] }}}}',
            f'{{"oligo": {spots}, "cytAssistInfo": {{"transformImages": "x"}}}}',
            '{"oligo": [1, 2]}',
            '{"serialNumber": "V1", "area": 7, "cytAssistInfo": {"transformImages": [[1]]}}',
            '{"cytAssistInfo": 7, "transform": [[1,0,0],[0,1,0],[0,0,1]]}',
        ),
    }
    for name, contents in texts.items():
        for number, text in enumerate(contents):

            def make(folder: Path, name: str = name, text: str = text) -> Path:
                (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
                return folder / name

            yield Hostile("alignment", f"{number}: {name} of {text[:120]!r}", make)
