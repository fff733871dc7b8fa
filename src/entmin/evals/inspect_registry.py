"""What entmin adds to Inspect (entry-point group ``inspect_ai``): model providers, benchmarks, solvers, a sandbox.

With entmin installed, Inspect's own command line can use all of them:
``inspect eval entmin/arithmetic --model entmin/smollm2-135m``.
"""

from __future__ import annotations

from inspect_ai.model import modelapi
from inspect_ai.util import sandboxenv

from entmin.evals.several import (  # noqa: F401 - found by ``--solver``
    best_of_n,
    lowest_centroid,
    power_sampling,
    self_refinement,
)
from entmin.evals.voting import deepconf, self_consistency  # noqa: F401
from entmin.tasks.benchmark import Benchmark
from entmin.tasks.on_inspect.graded import graded  # noqa: F401 - found here by `inspect score`
from entmin.tasks.on_inspect.judge import ugphysics_judge  # noqa: F401
from entmin.tasks.on_inspect.task import factory
from entmin.tasks.registry import tasks as _tasks


@modelapi(name="entmin")
def entmin() -> type:
    """The in-process engine as an Inspect model provider."""
    from entmin.evals.provider import EntminAPI

    return EntminAPI


@modelapi(name="entmin-server")
def entmin_server() -> type:
    """OpenAI-compatible servers, one or several, as an Inspect model provider."""
    from entmin.evals.server_api import ServerAPI

    return ServerAPI


@sandboxenv(name="bubblewrap")
def bubblewrap() -> type:
    """Bubblewrap as an Inspect sandbox, for any task."""
    from entmin.sandbox.provider import BubblewrapSandbox

    return BubblewrapSandbox


for _info in _tasks().values():
    if isinstance(_info, Benchmark):
        globals()[_info.name] = factory(_info)
