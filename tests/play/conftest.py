"""One playground for all tests that need no particular one."""

import pytest
from tests.play.served import Playground
from tests.serve.local import long_model


@pytest.fixture(scope="package")
def folder(tmp_path_factory):
    return long_model(tmp_path_factory.mktemp("played") / "tiny")


@pytest.fixture(scope="package")
def play(folder):
    playing = Playground(folder)
    yield playing
    assert playing.stop() == 0, "".join(playing.log)
