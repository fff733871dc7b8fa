"""One server for all tests that need no particular one."""

import pytest
from tests.serve.local import BATCH, QUEUE, Server, long_model

from entmin.engine.engine import Engine
from entmin.engine.loading import load


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return long_model(tmp_path_factory.mktemp("served") / "tiny")


@pytest.fixture(scope="package")
def server(folder):
    server = Server(folder, "--batch-size", str(BATCH), "--max-queue", str(QUEUE))
    yield server
    assert server.stop() == 0, "".join(server.log)


@pytest.fixture(scope="package")
def engine(folder):
    """The same model in this process: what the server must agree with, bit for bit."""
    engine = Engine(load(str(folder), dtype="float32", device="cpu"))
    yield engine
    engine.close()
