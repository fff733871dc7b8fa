"""How processes of ours start: their threads spin shortly, and nothing looks for garbage meanwhile."""

import gc
import os
import subprocess
import sys

import pytest

from entmin.starting import SPINS, spinning, without_collection

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")


def unset():
    return {name: value for name, value in os.environ.items() if name not in WAITING}


@pytest.mark.parametrize("told", [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "passive"}], ids=str)
def test_threads_spin_shortly_unless_the_user_says_how_they_wait(told):
    """In the process of every verb, before torch is loaded, and in what it starts."""
    code = """
import os, subprocess, sys
from entmin.cli import main
try:
    main(["--version"])
except SystemExit:
    pass
assert "torch" not in sys.modules
subprocess.run([sys.executable, "-c", "import os; print(os.environ.get('GOMP_SPINCOUNT'))"], check=True)
"""
    run = subprocess.run([sys.executable, "-c", code], env=unset() | told, capture_output=True, text=True, check=True)
    expected = told.get("GOMP_SPINCOUNT", "None") if told else SPINS
    assert run.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize("told", [{}, {"GOMP_SPINCOUNT": "7"}, {"OMP_WAIT_POLICY": "passive"}], ids=str)
def test_a_server_that_python_starts_spins_shortly_too(told, monkeypatch):
    from entmin.serve.child import _environment

    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    given = _environment("a key")
    assert {name: given[name] for name in WAITING if name in given} == (told or {"GOMP_SPINCOUNT": SPINS})
    assert given["VLLM_API_KEY"] == "a key" and given["PATH"] == os.environ["PATH"]


def test_these_tests_spin_shortly():
    assert not spinning()


def test_garbage_is_looked_for_again_afterwards(monkeypatch):
    monkeypatch.setattr("entmin.starting._MUCH", 10)
    frozen = gc.get_freeze_count()
    try:
        with pytest.raises(KeyError), without_collection():
            assert not gc.isenabled()
            with without_collection():
                pass
            assert not gc.isenabled()
            kept = [[] for _ in range(1000)]
            raise KeyError
        assert gc.isenabled() and gc.get_freeze_count() >= frozen + len(kept)
    finally:
        gc.unfreeze()


def test_where_the_user_has_switched_it_off_it_stays_off():
    gc.disable()
    try:
        with without_collection():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
