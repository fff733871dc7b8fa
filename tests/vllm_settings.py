"""How the tests run vLLM: on the CPU, offline, one thread, without compiling."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

PROCESSOR = "entmin.hosts.vllm:EntropyMinimizer"
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "HF_HUB_OFFLINE": "1",
    "TORCHDYNAMO_DISABLE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_LOGGING_LEVEL": "WARNING",
}


@contextmanager
def training_server(folder: Path) -> Iterator[str]:
    """The address of a server that takes weights from a trainer; its key is in the environment. Skips without vLLM."""
    pytest.importorskip("vllm")
    from entmin.serve.child import start_vllm, stop

    options = "--dtype float32 --enforce-eager --max-model-len 256 --max-num-seqs 32"
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (ENVIRONMENT | {"VLLM_SERVER_DEV_MODE": "1"}).items():
            patch.setenv(name, value)
        started = start_vllm(str(folder), shlex.split(options), seconds=600)
        patch.setenv("ENTMIN_API_KEY", started.key)
        yield started.url
        stop(started.process)
