"""transformers as decoding uses it, without what it imports for training, for compilers and for other kinds of models.

To load a language model, transformers imports torch's compiler and its tensors over many devices (both bring SymPy),
SciPy and accelerate; it reads the metadata of every installed package, and the source of all its models, twice, for a
table of names. That is more than half of the time to the first token of `entmin ask`, and decoding needs none of it.

After `import_for_decoding` transformers takes SciPy, accelerate and torch.distributed for not installed, for as long as
the process lives. So this is only for processes that decode and do nothing else with transformers, as those of some
verbs of the command line, which say so. Everybody else can import what was left out: `sys.modules` is as it was.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from entmin.engine.aliases import ALIASES, folder_of, is_cached
from entmin.engine.named import require_model
from entmin.starting import without_collection

_ABSENT = ("scipy", "accelerate")
_COMPILER = "torch._dynamo"
_INDEXING = f"{_COMPILER}._trace_wrapped_higher_order_op"
_NEEDED = (
    "transformers.masking_utils",
    "transformers.modeling_layers",
    "transformers.models.auto.modeling_auto",
    "transformers.models.auto.tokenization_auto",
)
_packages_distributions = importlib.metadata.packages_distributions
_processes = {"only decode": False}


def only_decodes() -> None:
    """Say of this process that it uses transformers for nothing but decoding with models as they are named."""
    _processes["only decode"] = True


@contextmanager
def opening(model: str) -> Iterator[None]:
    """Inside, the engine is imported and a model loaded; in a process that only decodes, without what that needs not.

    Args:
        model: an alias, a local folder, or a Hub id.
    """
    if not _processes["only decode"]:
        yield
        return
    with without_collection():
        import_for_decoding(model)
        yield


@contextmanager
def decoding_alone(model: str, revision: str | None) -> Iterator[None]:
    """`opening` in a process that decodes with one model and does nothing else with transformers.

    Raises:
        EntminError: the model cannot be had; nothing slow is imported by then.
    """
    require_model(model, revision)
    only_decodes()
    with opening(model):
        yield


def import_for_decoding(model: str) -> bool:
    """Import the parts of transformers that decoding a model needs.

    Nothing is done where somebody has imported transformers, or where these parts are not enough: a model that is
    quantized or an adapter needs more, and one that is not here yet may. Where this version of transformers cannot be
    imported in this way, nothing is left of the attempt, and it is imported as ever.

    Args:
        model: an alias, a local folder, or a Hub id.

    Returns:
        Whether it has.
    """
    if "transformers" in sys.modules or not _is_plain(model):
        return False
    try:
        with _left_out():
            for name in _NEEDED:
                importlib.import_module(name)
    except Exception:  # whatever another version does at import
        for name in [name for name in sys.modules if name.partition(".")[0] == "transformers"]:
            del sys.modules[name]
        return False
    return True


def _is_plain(model: str) -> bool:
    """Whether a model is here, with weights as they are."""
    if model in ALIASES and not is_cached(model):
        return False
    folder = folder_of(model) if model in ALIASES else Path(model)
    if (folder / "adapter_config.json").exists():
        return False
    try:
        settings = json.loads((folder / "config.json").read_text())
    except (OSError, ValueError):
        return False
    return isinstance(settings, dict) and "quantization_config" not in settings


@contextmanager
def _left_out() -> Iterator[None]:
    """Inside, what transformers needs for other things than decoding is absent, and its packages are not read."""
    import torch.distributed

    spec = find_spec("transformers")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("transformers")
    folder, is_available = spec.submodule_search_locations[0], torch.distributed.is_available
    package, models = _Unread("transformers", folder), _Unread("transformers.models", f"{folder}/models")
    package.__version__ = importlib.metadata.version("transformers")  # type: ignore[attr-defined]
    sys.modules |= {"transformers": package, "transformers.models": models}
    absent: dict[str, ModuleType | None] = {name: None for name in _ABSENT if name not in sys.modules}
    absent |= {} if _COMPILER in sys.modules else _compiler()
    sys.modules.update(absent)  # type: ignore[arg-type]
    torch.distributed.is_available = lambda: False
    importlib.metadata.packages_distributions = _Distributions
    try:
        _answer_for_good(importlib.import_module("transformers.utils.import_utils"))
        yield
    finally:
        importlib.metadata.packages_distributions = _packages_distributions
        torch.distributed.is_available = is_available
        for name in absent:
            del sys.modules[name]


def _answer_for_good(utils: Any) -> None:
    """Have transformers ask once what is installed, so that what it says later is what it said at import."""
    for answer in (utils.is_scipy_available, utils.is_accelerate_available, utils.is_torch_distributed_available):
        if answer() or not hasattr(answer, "cache_info"):
            raise ImportError(f"transformers: {answer.__name__} is not what it was")
    utils.direct_transformers_import = lambda *_, **__: sys.modules["transformers"]
    sys.modules["transformers.utils"].direct_transformers_import = utils.direct_transformers_import  # type: ignore[attr-defined]


def _compiler() -> dict[str, ModuleType]:
    """Stand-ins of torch's compiler, for which functions are marked at import; nothing is compiled here."""
    compiler, indexing = ModuleType(_COMPILER), ModuleType(_INDEXING)
    compiler.__path__ = []
    for name in ("disable", "allow_in_graph", "assume_constant_result"):
        setattr(compiler, name, _as_it_is)
    indexing.TransformGetItemToIndex = _transform  # type: ignore[attr-defined]
    return {_COMPILER: compiler, _INDEXING: indexing}


def _as_it_is(function: Callable[..., Any] | None = None, *_: Any, **__: Any) -> Any:
    """A decorator, or what makes one, that changes nothing."""
    return (lambda decorated: decorated) if function is None else function


def _transform() -> Any:
    """The real one, for the masks of a few models; it brings the compiler after all."""
    return importlib.import_module(_INDEXING).TransformGetItemToIndex()


class _Unread(ModuleType):
    """A package whose own file is read when somebody asks for more than its modules."""

    def __init__(self, name: str, folder: str) -> None:
        super().__init__(name)
        self.__path__ = [folder]
        self.__file__ = f"{folder}/__init__.py"
        self.__spec__ = ModuleSpec(name, None, origin=self.__file__, is_package=True)
        self.__spec__.submodule_search_locations = self.__path__

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            with suppress(ModuleNotFoundError):
                return importlib.import_module(f"{self.__name__}.{name}")
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class _Distributions(Mapping[str, list[str]]):
    """The distributions of a package, as `packages_distributions` has them.

    All that is installed is looked through only for a name that no distribution has.
    """

    def __getitem__(self, name: str) -> list[str]:
        with suppress(importlib.metadata.PackageNotFoundError):
            return [importlib.metadata.distribution(name).name]
        return list(_packages_distributions()[name])

    def __iter__(self) -> Iterator[str]:
        return iter(_packages_distributions())

    def __len__(self) -> int:
        return len(_packages_distributions())
