"""Remedies that no test can follow, each with the reason."""

from __future__ import annotations

ADVICE: dict[tuple[str, str], str] = {
    ("batch/cluster.py", "Try 'dask worker ADDRESS' where this package is installed."): (
        "starts a worker on another machine"
    ),
    ("batch/cluster.py", "Try workers of an environment with the same version."): (
        "installs another version of this package"
    ),
    ("batch/cluster.py", "Try pip install 'napari-spatialrecon[cluster]'."): "installs a package",
    (
        "command_line/repeating.py",
        "Try the version of napari-spatialrecon that the record states.",
    ): "installs another version of this package",
    (
        "methods/dpvae/scvi_backbone.py",
        "Try pip install napari-spatialrecon[scvi], or backbone mlp.",
    ): ("installs a package; the backbone mlp is the default of every other test"),
    ("methods/srast/model.py", "Try the model in the package, or train again."): (
        "a network of another version; the model in the package is loaded by the tests of SRast"
    ),
    ("tasks/super_resolving.py", "This is a bug in the method; please report it with the slide."): (
        "only a broken method gives it"
    ),
    ("tissue/formats/h5ad.py", "Try fewer cells, or sparse counts."): (
        "given when memory runs out, which a test cannot bring about"
    ),
    ("tissue/formats/h5ad.py", "Try a newer anndata."): "installs another version of a library",
    ("tissue/formats/spatialdata_zarr.py", "Try: pip install --upgrade spatialdata"): (
        "installs another version of a library"
    ),
    ("tissue/lazy_image.py", "Try pip install imagecodecs."): "installs a package",
    (
        "training/team.py",
        "Try the command by srun in a job of Slurm, by torchrun on each machine, or with "
        "MASTER_ADDR, MASTER_PORT and NODE_RANK set on each.",
    ): "starts the command on other machines; test_together.py does so with two of one",
    ("training/checkpoint.py", "Try a newer napari-spatialrecon."): (
        "a model of a format that does not exist yet"
    ),
    ("viewer/notebook.py", 'Try pip install "napari-spatialrecon[{}]".'): "installs a package",
    ("viewer/task/landmark_dock.py", "Try another layer; saved files are kept."): (
        "shown by a widget; its tests choose another layer after one is deleted"
    ),
    (
        "viewer/task/subprocess_run.py",
        "Try fewer cells or the preset quick; it probably ran out of memory.",
    ): "given when the system kills a run, which a test cannot bring about",
    (
        "tissue/genes.py",
        "Try mapping genes to their orthologs first: these look like two species.",
    ): ("mapping to orthologs needs a table of them; that of tissue/species.py is followed"),
}
