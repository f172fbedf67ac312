"""The state of layers as JSON with arrays in an HDF5 file: nothing in it can run code."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_spatialrecon.errors import Stopped
from napari_spatialrecon.tissue.whole_tables import texts_of
from napari_spatialrecon.viewer.canvas.many_points import are_one

if TYPE_CHECKING:
    import h5py
    import pandas as pd

    from napari_spatialrecon.progress import ShouldStop

SMALL = 64
"""Arrays with more elements are kept in the HDF5 file."""
_BLOCK = 1 << 24
"""Bytes that are written between two looks at whether to stop."""
TEXTS = 10_000
"""Texts that are written in one go: writing them holds the lock of Python, and the window waits."""
_REST = 2.0
"""How long the window is left alone after each go at texts, in times of that go."""


class UnpackableError(TypeError):
    """A value is of a kind that is not kept."""


class Packer:
    """Turns values into JSON, and collects their arrays.

    Attributes
    ----------
    arrays
        By name, to be written by `write`.
    """

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray] = {}

    def pack(self, value: Any) -> Any:
        """Return a value as JSON can hold it.

        Raises
        ------
        UnpackableError
            It is of a kind that is not kept.
        """
        import pandas as pd

        if isinstance(value, Enum):
            return self.pack(value.value)
        if value is None or isinstance(value, bool | str | int):
            return value
        if isinstance(value, float):
            return value if math.isfinite(value) else {"$float": str(float(value))}
        if isinstance(value, np.generic):
            return self.pack(value.item())
        if isinstance(value, Path) or hasattr(value, "dimensionality"):
            return str(value)
        if isinstance(value, np.ndarray):
            return self._array(np.asarray(value))
        if isinstance(value, pd.DataFrame):
            columns = [[str(name), self._column(value[name])] for name in value]
            return {"$frame": columns, "rows": len(value)}
        if isinstance(value, Mapping):
            return {str(key): self.pack(held) for key, held in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [self.pack(one) for one in value]
        raise UnpackableError(type(value).__name__)

    def pack_fitting(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values that can be kept, without the others."""
        kept = {}
        for key, value in values.items():
            try:
                kept[str(key)] = self.pack(value)
            except UnpackableError:
                continue
        return kept

    def store(self, array: np.ndarray) -> dict[str, Any]:
        """Return a reference to an array, which is written to the HDF5 file."""
        name = str(len(self.arrays))
        self.arrays[name] = array
        return {"$array": name}

    def write(self, path: Path, should_stop: ShouldStop = lambda: False) -> None:
        """Write the arrays.

        Raises
        ------
        Stopped
            `should_stop` returned True.
        OSError
            They cannot be written.
        """
        from napari_spatialrecon import hdf5

        with hdf5.created(path) as file:
            for name, array in self.arrays.items():
                _write_array(file, name, array, should_stop)

    def _array(self, array: np.ndarray) -> dict[str, Any]:
        if array.dtype.kind not in "OUSbiuf":
            raise UnpackableError(str(array.dtype))
        if array.ndim and len(array) > 1 and _is_one(array):
            row = self._array(array[:1])
            return {"$same": row, "rows": len(array)}
        if array.dtype.kind in "OUS":
            array = _texts(array)
        if array.size > SMALL:
            return self.store(array)
        kind = "text" if array.dtype.kind == "O" else array.dtype.str
        values = [self.pack(one) for one in array.ravel()]
        return {"$values": values, "shape": list(array.shape), "dtype": kind}

    def _column(self, column: pd.Series) -> dict[str, Any]:
        import pandas as pd

        if isinstance(column.dtype, pd.CategoricalDtype):
            categories = [str(name) for name in column.cat.categories]
            codes = self._array(column.cat.codes.to_numpy(np.int32))
            return {"categories": categories, "ordered": bool(column.cat.ordered), "codes": codes}
        values = column.to_numpy()
        if values.dtype.kind in "biuf":
            return {"numbers": self._array(values)}
        missing = column.isna().to_numpy()
        return {"text": self._array(values), "missing": self._array(missing)}


class Unpacker:
    """Turns the JSON of a `Packer` into values.

    Parameters
    ----------
    file
        The open HDF5 file of arrays.
    """

    def __init__(self, file: h5py.File) -> None:
        self._file = file

    def unpack(self, packed: Any) -> Any:
        """Return the value; lists stay lists."""
        if isinstance(packed, list):
            return [self.unpack(one) for one in packed]
        if not isinstance(packed, Mapping):
            return packed
        if "$float" in packed:
            return float(packed["$float"])
        if "$same" in packed:
            return np.repeat(self.unpack(packed["$same"]), int(packed["rows"]), axis=0)
        if "$values" in packed:
            kind = object if packed["dtype"] == "text" else np.dtype(packed["dtype"])
            values = [self.unpack(one) for one in packed["$values"]]
            return np.array(values, kind).reshape(packed["shape"])
        if "$array" in packed:
            held = self._file[packed["$array"]]
            return texts_of(held) if held.dtype.kind == "O" else held[()]
        if "$frame" in packed:
            return self._frame(packed)
        return {key: self.unpack(value) for key, value in packed.items()}

    def _frame(self, packed: Mapping[str, Any]) -> pd.DataFrame:
        import pandas as pd

        columns = {name: self._column(held) for name, held in packed["$frame"]}
        return pd.DataFrame(columns, index=range(int(packed["rows"])))

    def _column(self, held: Mapping[str, Any]) -> Any:
        import pandas as pd

        if "categories" in held:
            codes = self.unpack(held["codes"])
            return pd.Categorical.from_codes(codes, held["categories"], ordered=held["ordered"])
        if "numbers" in held:
            return self.unpack(held["numbers"])
        text = self.unpack(held["text"])
        missing = self.unpack(held["missing"])
        return pd.Series(text, dtype=object).mask(missing, None)


def _write_array(file: h5py.File, name: str, array: np.ndarray, should_stop: ShouldStop) -> None:
    import h5py

    text = array.dtype.kind == "O"
    dtype = h5py.string_dtype() if text else array.dtype
    packed = {"compression": "lzf", "shuffle": not text} if array.size > SMALL else {}
    fill(file.create_dataset(name, array.shape, dtype, **packed), array, should_stop)


def fill(made: h5py.Dataset, array: np.ndarray, should_stop: ShouldStop) -> None:
    """Write an array into its dataset in blocks of rows; the window is heard between them.

    Raises
    ------
    Stopped
        `should_stop` returned True.
    """
    text = array.dtype.kind == "O"
    rows = TEXTS if text else max(1, _BLOCK // max(1, array.nbytes // max(1, len(array))))
    rest = resting(should_stop, _REST if text and len(array) > rows else 0.0)
    for start in range(0, len(array), rows):
        made[start : start + rows] = np.asarray(array[start : start + rows])
        rest()


def resting(should_stop: ShouldStop, times: float = _REST) -> Callable[[], None]:
    """Return what to call after each block of work that holds the lock of Python.

    It leaves the window alone for `times` as long as the block took, and raises `Stopped` when
    `should_stop` returns True, which is asked now, too.
    """
    if should_stop():
        raise Stopped()
    began = time.perf_counter()

    def rest() -> None:
        nonlocal began
        if times:
            time.sleep(times * (time.perf_counter() - began))
        if should_stop():
            raise Stopped()
        began = time.perf_counter()

    return rest


def _is_one(array: np.ndarray) -> bool:
    """Return whether all rows are the same.

    Comparing a million symbols in Python would keep the window, which draws meanwhile, waiting.
    """
    if array.dtype.kind == "O" and array.ndim == 1 and isinstance(array[0], Enum):
        return are_one(array)
    return bool(np.all(array[-1] == array[0]) and (array == array[:1]).all())


def _texts(array: np.ndarray) -> np.ndarray:
    """Return values as texts."""
    import pandas as pd

    if array.dtype == object and pd.api.types.infer_dtype(array, skipna=False) == "string":
        return array
    words = [one.value if isinstance(one, Enum) else one for one in array.ravel()]
    return np.array([str(one) for one in words], object).reshape(array.shape)
