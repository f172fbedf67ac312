"""Public tissue from a server of the test's own, with hashes of the test's own files."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anndata
import numpy as np
import pytest

from napari_spatialrecon.errors import InputError, Stopped
from napari_spatialrecon.tissue import downloads
from napari_spatialrecon.tissue.downloads import Dataset, download
from napari_spatialrecon.tissue.images import histology
from napari_spatialrecon.tissue.micrometres import um_per_unit
from napari_spatialrecon.tissue.published import TypedCells, VisiumSpots
from napari_spatialrecon.tissue.read import read_adata


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def server(published: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(published)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_a_table_has_counts_places_and_the_image_with_its_micrometers(
    server: str, tmp_path: Path
) -> None:
    made = download("mine", tmp_path / "here", source=server)
    assert [*made] == ["A"]
    table = anndata.read_h5ad(made["A"])
    assert table.shape == (8, 2) and table["2x1"].X.toarray().tolist() == [[2, 1]]
    assert table["2x1"].obsm["spatial"].tolist() == [[900, 450]]
    image = histology(read_adata(made["A"]))
    assert image.um_per_unit == pytest.approx(0.5) and image.um_per_pixel == pytest.approx(0.5)
    assert {p.name for p in (tmp_path / "here").iterdir()} == {
        *("A.h5ad", "A_he.jpg", "A_he_fullres.jpg")
    }


def test_spots_of_visium_come_upright_in_micrometers_beside_their_typed_cells(
    server: str, published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "spots.csv": ",s1,s2,s3\nCa1,1,0,4\nDg,0,2,0\n",
        "places.csv": ",x,y\ns3,100,469\ns1,100,200\ns2,220,269\n",
        "cells.csv": ',"c2","c1"\n"Ca1",3,0\n',
        "types.csv": ',x\n"c1","Dentate"\n"c2","CA1"\n',
    }
    for name, text in files.items():
        (published / name).write_text(text)
    known = [(n, hashlib.sha256(text.encode()).hexdigest()) for n, text in files.items()]
    tables = {"spots": VisiumSpots(*known[:2]), "cells": TypedCells(*known[2:])}
    monkeypatch.setitem(downloads.DATASETS, "brain", Dataset(server, "Somebody", tables))
    made = download("brain", tmp_path / "here")
    spots, cells = read_adata(made["spots"]), read_adata(made["cells"])
    assert spots["s3"].obsm["spatial"].tolist() == [[469, 100]], "x of the file runs down"
    assert spots["s3"].X.toarray().tolist() == [[4, 0]]
    pitch = np.hypot(69, 120)
    assert um_per_unit(spots) == pytest.approx(100 / pitch)
    assert cells.obs["cell_type"].to_dict() == {"c2": "CA1", "c1": "Dentate"}
    assert cells["c2"].X.toarray().tolist() == [[3]] and "spatial" not in cells.obsm


def test_what_is_there_is_not_asked_for_again(server: str, tmp_path: Path) -> None:
    first = download("mine", tmp_path, source=server)
    assert download("mine", tmp_path, source="http://127.0.0.1:1") == first


def test_a_file_that_was_changed_is_refused_and_nothing_stays(
    published: Path, server: str, tmp_path: Path
) -> None:
    (published / "A.jpg").write_bytes(b"another picture")
    for source in (server, str(published)):
        with pytest.raises(InputError, match="SHA-256 differs"):
            download("mine", tmp_path / "here", source=source)
        assert not [*(tmp_path / "here").iterdir()]


def test_a_source_that_cannot_be_reached_is_named(published: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"127\.0\.0\.1:1/A\.tsv\.gz: .*copy as source"):
        download("mine", tmp_path)


def test_a_download_can_be_stopped(published: Path, tmp_path: Path) -> None:
    with pytest.raises(Stopped):
        download("mine", tmp_path, source=str(published), should_stop=lambda: True)


def test_the_addresses_name_a_commit_and_every_file_has_a_hash() -> None:
    for known in downloads.DATASETS.values():
        assert re.search("/[0-9a-f]{40}/", known.source)
        for table in known.tables.values():
            assert all(len(h) == 64 for _, h in table.files)
