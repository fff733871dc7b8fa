"""Runs inside the sandbox, before every SciCode step: targets, comparisons, and names that NumPy and SciPy removed.

Handed over as text, like the launcher, so it must stay one file without imports of ours. The comparisons are those of
the published tests (np.allclose with its default tolerances), which the tests import as ``scicode.compare.cmp``.
"""

from __future__ import annotations

import os
import sys
import types

import numpy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _restore() -> None:
    """Names the problems and the models they were written with know, under what they are called today."""
    renamed = {
        "trapz": "trapezoid", "in1d": "isin", "float_": "float64", "complex_": "complex128", "Inf": "inf",
        "NaN": "nan", "infty": "inf", "product": "prod", "cumproduct": "cumprod", "alltrue": "all",
        "sometrue": "any", "row_stack": "vstack",
    }  # fmt: skip
    for old, new in renamed.items():
        if old not in vars(numpy):
            setattr(numpy, old, getattr(numpy, new))
    import scipy.integrate

    for old, new in {"simps": "simpson", "trapz": "trapezoid", "cumtrapz": "cumulative_trapezoid"}.items():
        if old not in vars(scipy.integrate):
            setattr(scipy.integrate, old, getattr(scipy.integrate, new))


def _plain_keys(values: dict[Any, Any]) -> dict[Any, Any]:
    """Symbols as their names: a file keeps no symbols."""

    def name(thing: Any) -> Any:
        return str(thing) if type(thing).__module__.startswith("sympy") else thing

    return {name(key): name(value) for key, value in values.items()}


def _dense(value: Any) -> Any:
    return value.toarray() if hasattr(value, "toarray") else value


def _close(one: Any, other: Any, atol: float = 1e-8, rtol: float = 1e-5) -> bool:
    if isinstance(one, (str, bool)):
        return bool(one == other)
    try:
        return bool(numpy.allclose(_dense(one), _dense(other), atol=atol, rtol=rtol))
    except ValueError:
        return bool(one == other)


def are_dicts_close(one: dict[Any, Any], other: dict[Any, Any], atol: float = 1e-8, rtol: float = 1e-5) -> bool:
    """Same keys and close values."""
    one, other = _plain_keys(one), _plain_keys(other)
    return one.keys() == other.keys() and all(_close(one[key], other[key], atol, rtol) for key in one)


def are_csc_matrix_close(one: Any, other: Any) -> bool:
    """Close as dense matrices."""
    return _close(one, other)


def cmp_tuple_or_list(one: Any, other: Any) -> bool:
    """Same length and close members."""
    if len(one) != len(other):
        return False
    return all(are_dicts_close(a, b) if isinstance(a, dict) else _close(a, b) for a, b in zip(one, other, strict=True))


def _group(group: Any) -> Any:
    """A stored list, sparse matrix or dictionary."""
    for key in group:
        if key == "list":
            return [group[key][name][()] for name in group[key]]
        if key == "sparse_matrix":
            return _sparse(group[key])
        break
    found: dict[Any, Any] = {}
    for key, item in group.items():
        if hasattr(item, "keys"):
            found[key] = _sparse(item["sparse_matrix"])
        elif isinstance(item[()], bytes):
            found[key] = item[()].decode()
        else:
            try:
                found[float(key)] = item[()]
            except ValueError:
                found[key] = item[()]
    return found


def _sparse(group: Any) -> Any:
    import scipy.sparse

    data, shape = group["data"][()], tuple(group["shape"][()])
    if "row" in group:
        return scipy.sparse.coo_matrix((data, (group["row"][()], group["col"][()])), shape=shape)
    parts = (data, group["indices"][()], group["indptr"][()])
    if "blocksize" in group:
        return scipy.sparse.bsr_matrix(parts, shape=shape, blocksize=tuple(group["blocksize"][()]))
    return scipy.sparse.csr_matrix(parts, shape=shape)


def _stored(item: Any) -> Any:
    if hasattr(item, "keys"):
        return _group(item)
    value = item[()]
    return value.decode() if isinstance(value, bytes) else value


def targets_of(step: str, count: int) -> list[Any]:
    """The targets of a step's tests, from the file that whoever runs this has opened."""
    import h5py

    found = []
    with os.fdopen(os.dup(globals()["FILES"]["targets.h5"]), "rb") as opened, h5py.File(opened, "r") as file:
        for number in range(1, count + 1):
            group = file[f"{step}/test{number}"]
            values = [_stored(group[key]) for key in group]
            found.append(values[0] if len(values) == 1 else tuple(values))
    return found


def store(group: Any, target: Any) -> None:
    """Write one target as the published file does."""
    for number, value in enumerate(target if isinstance(target, tuple) else (target,), start=1):
        name = f"var{number}"
        if hasattr(value, "tocoo"):
            sparse, inner = value.tocoo(), group.create_group(name).create_group("sparse_matrix")
            for part, data in (
                ("data", sparse.data),
                ("shape", sparse.shape),
                ("row", sparse.row),
                ("col", sparse.col),
            ):
                inner.create_dataset(part, data=data)
        elif isinstance(value, dict):
            inner = group.create_group(name)
            for key, item in value.items():
                inner.create_dataset(str(key), data=item)
        else:
            _store_plain(group, name, value)


def _store_plain(group: Any, name: str, value: Any) -> None:
    try:
        data = numpy.array(value) if isinstance(value, list) else value
        packed = {"compression": "gzip"} if getattr(data, "size", 0) > 1000 else {}
        group.create_dataset(name, data=data, **packed)
    except (ValueError, TypeError):
        # A list of unlike things is kept member by member.
        inner = group.create_group(name).create_group("list")
        for number, item in enumerate(value, start=1):
            inner.create_dataset(f"var{number}", data=item)


def make_targets(programs: list[tuple[str, str, list[str]]]) -> str:
    """The targets of (step, reference program, test that ends by setting ``target``) rows: an HDF5 file in base64."""
    import base64

    import h5py

    with h5py.File("/tmp/made.h5", "w") as file:  # noqa: S108
        for step, code, tests in programs:
            space: dict[str, Any] = {"__name__": "reference"}
            exec(code, space)  # noqa: S102
            for number, test in enumerate(tests, start=1):
                exec(test, space)  # noqa: S102
                store(file.create_group(f"{step}/test{number}"), space["target"])
    with open("/tmp/made.h5", "rb") as made:  # noqa: S108
        return base64.b64encode(made.read()).decode()


_restore()
for _name in ("scicode", "scicode.compare", "scicode.compare.cmp"):
    sys.modules[_name] = types.ModuleType(_name)
for _function in (are_dicts_close, are_csc_matrix_close, cmp_tuple_or_list):
    setattr(sys.modules["scicode.compare.cmp"], _function.__name__, _function)
