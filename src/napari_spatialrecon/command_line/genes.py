"""impute-genes: impute genes that were not measured on the slide."""

from __future__ import annotations

import argparse
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_spatialrecon.command_line.inputs import Inputs, add_reading_options
from napari_spatialrecon.command_line.options import (
    add_common_options,
    add_device,
    add_over_memory,
    add_settings,
    add_verb,
)
from napari_spatialrecon.command_line.outputs import check_room
from napari_spatialrecon.command_line.running import asked, config_of, summarise
from napari_spatialrecon.command_line.terminal import Bar
from napari_spatialrecon.errors import InputError
from napari_spatialrecon.methods.registry import default_for

if TYPE_CHECKING:
    from anndata import AnnData


def add(verbs: Any) -> None:
    """Add the command."""
    verb = add_verb(
        verbs,
        "impute-genes",
        "impute genes that were not measured on a slide",
        run_impute_genes,
        files={"out": ".h5ad|.zarr"},
    )
    verb.add_argument("--method", default=default_for("impute-genes"), help="see 'methods'")
    verb.add_argument("--slide", metavar="ST.h5ad", required=True)
    verb.add_argument("--reference", metavar="SC.h5ad", required=True)
    verb.add_argument(
        "--genes",
        metavar="A,B|FILE|missing",
        required=True,
        help="names, a file with one name per line, or 'missing' for all that the slide lacks",
    )
    verb.add_argument(
        "--hide",
        metavar="A,B|FILE",
        help="genes of the slide to hide from the method and impute as well",
    )
    verb.add_argument("--out", metavar="GENES.h5ad", required=True, help="or GENES.zarr")
    add_device(verb)
    add_settings(verb)
    add_over_memory(verb)
    add_reading_options(verb)
    add_common_options(verb)


def run_impute_genes(options: argparse.Namespace, stop: threading.Event) -> None:
    """Impute genes: read, check, train, write block by block."""
    from napari_spatialrecon.methods.registry import find_method
    from napari_spatialrecon.tasks.imputing import impute_genes
    from napari_spatialrecon.tasks.room import maps_bytes

    config = config_of(find_method(options.method, "impute-genes").config(), options)
    genes = asked_genes(options.genes)
    with Inputs(options) as inputs:
        slide, reference = inputs.table(options.slide), inputs.table(options.reference)
    count = len(genes) if not isinstance(genes, str) else _lacking(slide, reference)
    check_room(options, maps_bytes(slide.n_obs, count))
    with Bar(options.progress) as bar:
        result = impute_genes(
            slide,
            reference,
            genes,
            method=options.method,
            config=config,
            seed=options.seed,
            device=options.device,
            hide=list(asked_genes(options.hide)) if options.hide else (),
            out=options.out,
            slide_name=Path(options.slide).name,
            reference_name=Path(options.reference).name,
            recorded=asked(options),
            progress=bar.show,
            should_stop=stop.is_set,
        )
    for note in result.notes:
        print(f"note: {note}", file=sys.stderr)
    print(result.verdict, file=sys.stderr)
    imputed = int((result.genes["origin"] == "imputed").sum())
    print(f"{imputed:,} genes imputed: {options.out}", file=sys.stderr)
    if result.picture is not None:
        print(
            f"predicted and observed accuracy of held-out genes: {result.picture}", file=sys.stderr
        )
    summarise(result.record.to_dict(), options)


def _lacking(slide: AnnData, reference: AnnData) -> int:
    return len(reference.var_names.difference(slide.var_names))


def asked_genes(words: str) -> list[str] | str:
    """Return the genes given by ``--genes``: lines of a file, "missing", or comma-separated names.

    Raises
    ------
    InputError
        The file contains no names, or does not exist although the value looks like a file.
    """
    if words == "missing":
        return words
    path = Path(words)
    if path.is_file():
        genes = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        where = str(path)
    elif "," not in words and (path.suffix in (".txt", ".csv") or len(path.parts) > 1):
        raise InputError("Expected a file of gene names, found none.", where=words)
    else:
        genes, where = [word.strip() for word in words.split(",")], "--genes"
    found = [gene for gene in genes if gene]
    if not found:
        raise InputError(
            "Expected gene names, found none.", remedy="Try --genes missing.", where=where
        )
    return found
