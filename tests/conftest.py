"""Shared fixtures: tiny models on disk, one torch thread that spins shortly, no Hub."""

from __future__ import annotations

import os

# Read at the first import. No test asks the Hub, and a failed try would be repeated for long.
os.environ["HF_HUB_OFFLINE"] = "1"

from entmin.starting import spinning

os.environ.update(spinning())  # read when torch is loaded: several of these processes share the cores

import pytest
import torch

from tests import tiny

try:
    from hypothesis import settings
except ModuleNotFoundError:  # the environments of the wheel and of the oldest transformers
    pass
else:
    # A shared machine can stop a process for longer than the 200 ms that hypothesis grants an example.
    settings.register_profile("patient", deadline=None)
    settings.load_profile("patient")


@pytest.fixture(scope="session", autouse=True)
def one_thread():
    """On a machine shared with others two OpenMP threads can be far slower than one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_llama(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / "tiny-llama", sharpness=12.0)


@pytest.fixture(scope="session", params=list(tiny.CONFIGS))
def any_tiny_model(request, tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("models") / request.param, request.param, sharpness=12.0)


@pytest.fixture
def entmin(tmp_path):
    """Run the real command line in a subprocess, in an empty folder."""
    from tests.command import Runner

    return Runner(tmp_path, {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"})


@pytest.fixture
def entmin_forked(tmp_path):
    """The same without the seconds that an interpreter spends on imports, for tests that are not about them."""
    from tests.command import Runner
    from tests.forked import Forked

    return Runner(tmp_path, {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}, Forked)


@pytest.fixture
def entmin_here(tmp_path):
    """Run the real command line in this process, in an empty folder."""
    from tests.command import InProcess

    return InProcess(tmp_path)


@pytest.fixture
def plugin(tmp_path):
    """Install a plugin of one module; gives the variables by which a process finds it."""
    from tests.plugins import install

    def made(name, source):
        folder = tmp_path / "plugins"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}_module.py").write_text(source)
        points = {"entmin.plugins": {name: f"{name}_module"}}
        install(folder, {"name": f"entmin-{name}", "version": "3.1", "entry-points": points})
        return {"PYTHONPATH": str(folder)}

    return made
