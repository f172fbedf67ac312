"""The optional library spatialdata."""

from __future__ import annotations

from types import ModuleType

from napari_spatialrecon.errors import InputError


def spatialdata_library() -> ModuleType:
    """Return spatialdata with its models and transformations.

    Raises
    ------
    InputError
        It is not installed.
    """
    try:
        import spatialdata
        import spatialdata.models
        import spatialdata.transformations
    except ImportError as error:
        raise InputError(
            "Expected the library spatialdata, found it is not installed.",
            remedy='Try: pip install "napari-spatialrecon[spatialdata]"',
        ) from error
    library: ModuleType = spatialdata
    return library
