"""Reads the tensors of a torch file without torch, which would bring a gigabyte to read 23 MB.

Format: the legacy (not zip) layout of `torch.save`, as read by `torch.serialization._legacy_load`:
three pickles (magic number, protocol version, system information), the pickled state dictionary,
the pickled list of storage keys, then for each key its number of elements (64 bit, little endian)
and its raw values.
"""

import collections
import pickle
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

Tensors = dict[str, npt.NDArray[Any]]

_MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, np.dtype[Any]] = {
    "FloatStorage": np.dtype("<f4"),
    "LongStorage": np.dtype("<i8"),
}


@dataclass(frozen=True)
class _Storage:
    """A place for raw values that follow later in the file."""

    key: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class _Tensor:
    """A view on a storage: offset, shape and strides in elements."""

    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def read_from(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Copy the tensor out of its storage's values."""
        strides = tuple(step * values.itemsize for step in self.strides)
        last = self.offset + sum(
            (n - 1) * step for n, step in zip(self.shape, self.strides, strict=True)
        )
        if last >= values.size or self.offset < 0:
            raise ValueError("tensor reaches past its storage")
        return np.lib.stride_tricks.as_strided(values[self.offset :], self.shape, strides).copy()


class _TensorsOnly(pickle.Unpickler):
    """An unpickler that builds tensors and dictionaries only: a torch file can name any code."""

    def find_class(self, module: str, name: str) -> Any:
        if module == "torch" and name in _DTYPES:
            return name
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(
                storage, offset, shape, strides
            )
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        raise pickle.UnpicklingError(f"{module}.{name} does not belong in a file of weights")

    def persistent_load(self, pid: tuple[Any, ...]) -> _Storage:
        return _Storage(key=pid[2], dtype=_DTYPES[pid[1]])


def read_tensors(path: Path) -> Tensors:
    """Read every tensor in the file, by its name.

    Raises ValueError or UnpicklingError if it is not such a file.
    """
    with path.open("rb") as file:
        if _TensorsOnly(file).load() != _MAGIC:
            raise ValueError(f"{path.name} is not a torch file in the legacy layout")
        for _ in ("protocol version", "system information"):
            _TensorsOnly(file).load()
        tensors: dict[str, _Tensor] = _TensorsOnly(file).load()
        keys: list[str] = _TensorsOnly(file).load()
        dtypes = {tensor.storage.key: tensor.storage.dtype for tensor in tensors.values()}
        values = dict(_read_storages(file, keys, dtypes))
    return {name: tensor.read_from(values[tensor.storage.key]) for name, tensor in tensors.items()}


def _read_storages(
    file: BinaryIO, keys: list[str], dtypes: dict[str, np.dtype[Any]]
) -> Iterator[tuple[str, npt.NDArray[Any]]]:
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        dtype = dtypes[key]
        data = file.read(count * dtype.itemsize)
        yield key, np.frombuffer(data, dtype, count)
