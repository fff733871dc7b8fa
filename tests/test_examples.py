"""The files in examples/: shell that a linter takes, resources that Kubernetes' schemas take, our commands."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.cli.test_documented_commands import PYTHON, look_up, parsed

EXAMPLES = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(EXAMPLES.rglob("*.sbatch"))
RESOURCES = sorted(EXAMPLES.rglob("*.yaml"))
VARIABLES = {"MODEL": "Qwen/Qwen2.5-7B-Instruct", "PORT": "8000", "OUTPUT": "out", "RESULTS": "results"}


def shell_commands(script):
    """The `entmin` commands in a script, as argument lists; what stands for addresses becomes one."""
    text = re.sub(r"^\s*#.*$", "", re.sub(r"\\\n\s*", "", script), flags=re.M)
    text = re.sub(r'"\$\(IFS=,; echo [^)]*\)"', "http://127.0.0.1:8000/v1", text)
    text = re.sub(r'"\$\{resume\[@\]\}"', "--resume", text)
    text = re.sub(r'"?\$(\w+)"?', lambda found: VARIABLES.get(found[1], found[0]), text)
    for line in text.splitlines():
        found = re.search(r"(?:^|\s)((?:-m )?entmin (?:serve|compare|eval|train) .*?)\s*&?$", line)
        if found:
            yield shlex.split(PYTHON.sub("entmin", found[1]).removeprefix("-m "))


def containers(path):
    for resource in yaml.safe_load_all(path.read_text()):
        pod = resource.get("spec", {}).get("template", {}).get("spec", {})
        yield from (*pod.get("initContainers", ()), *pod.get("containers", ()))


def commands(path):
    if path.suffix == ".sbatch":
        return list(shell_commands(path.read_text()))
    found = []
    for container in containers(path):
        words = [*container["command"], *container.get("args", ())]
        assert all(isinstance(word, str) for word in words), words
        found += shell_commands(words[-1]) if words[0] == "bash" else [words] if words[0] == "entmin" else []
    return found


@pytest.mark.parametrize("path", [*SCRIPTS, *RESOURCES], ids=lambda path: str(path.relative_to(EXAMPLES)))
def test_the_command_line_takes_the_commands(path):
    found = commands(path)
    assert found, "no entmin command was found"
    settings = str(EXAMPLES.parent / "runs" / "math" / "em-rl-token.yaml")  # what the comment at the top mounts there
    for _, verb, *args in [[settings if "/settings" in word else word for word in words] for words in found]:
        look_up(verb, parsed(verb, args, False))


def test_a_wrong_option_in_an_example_would_be_seen():
    (words,) = shell_commands('srun entmin compare "$MODEL" --method em_inf &')
    with pytest.raises(Exception, match="No such option"):
        parsed(words[1], words[2:], False)


def lint(path):
    """A shell and its linter take a script; of an environment older than the linter, the shell alone."""
    subprocess.run(["bash", "-n", path], check=True)
    linter = shutil.which("shellcheck", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))
    if linter is None:
        pytest.skip("shellcheck is not installed: pip install -e '.[dev]'")
    done = subprocess.run([linter, path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_shell_and_its_linter_take_the_scripts(path):
    lint(path)


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.name)
def test_scripts_inside_resources_are_shell_too(path, tmp_path):
    for container in containers(path):
        if container["command"][0] == "bash":
            file = tmp_path / "script.bash"
            file.write_text("#!/bin/bash\n" + container["args"][-1])
            lint(file)


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.name)
def test_kubernetes_takes_the_resources(path):
    validate = pytest.importorskip("kubernetes_validate").validate
    for resource in yaml.safe_load_all(path.read_text()):
        validate(resource, "1.33", strict=True)


@pytest.mark.parametrize("path", RESOURCES, ids=lambda path: path.name)
def test_what_a_resource_refers_to_is_there(path):
    """Volumes that are mounted, claims, and labels that select."""
    resources = list(yaml.safe_load_all(path.read_text()))
    claims = {one["metadata"]["name"] for one in resources if one["kind"] == "PersistentVolumeClaim"} | {"models"}
    for one in resources:
        pod = one.get("spec", {}).get("template", {}).get("spec")
        if pod is None:
            continue
        volumes = {volume["name"]: volume for volume in pod.get("volumes", ())}
        for container in (*pod.get("initContainers", ()), *pod["containers"]):
            assert {mount["name"] for mount in container.get("volumeMounts", ())} <= set(volumes)
        used = {v["persistentVolumeClaim"]["claimName"] for v in volumes.values() if "persistentVolumeClaim" in v}
        assert used <= claims
    services = [one["spec"]["selector"] for one in resources if one["kind"] == "Service"]
    labels = [one["spec"]["template"]["metadata"]["labels"] for one in resources if one["kind"] == "StatefulSet"]
    assert services == labels
