"""The same launcher in a container, where bubblewrap is missing and docker is there.

Not a fallback: it is used only when asked for. A container takes a good part of a second to start, so this is the slow
way. The image must hold the Python that programs run under, and the packages they import (numpy for LeetCode; numpy,
scipy, h5py and sympy for SciCode): `ENTMIN_DOCKER_IMAGE`, by default the official slim image.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from entmin.sandbox.bubblewrap import ENVIRONMENT, PYTHON_OPTIONS
from entmin.sandbox.limits import Limits

IMAGE = "ENTMIN_DOCKER_IMAGE"
_DEFAULT = "python:3.12-slim"


def command(launcher: str, limits: Limits, packages: tuple[str, ...], files: Mapping[str, str]) -> tuple[str, ...]:
    """The command that runs `launcher`, Python source, in a container of its own.

    Packages are the image's own, so only the folder they are found in is not hidden when there are any.
    """
    memory = f"{limits.memory_mib * 3 // 2}m"
    arguments = ["docker", "run", "--rm", "--interactive", "--init", "--network", "none", "--read-only"]
    arguments += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "65534:65534"]
    arguments += ["--memory", memory, "--memory-swap", memory, "--pids-limit", str(limits.processes + 8)]
    # Without exec and with a size: /tmp is the only place that can be written.
    arguments += ["--tmpfs", f"/tmp:rw,mode=1777,size={limits.disk_mib}m", "--workdir", "/tmp"]  # noqa: S108
    for name, value in ENVIRONMENT.items():
        if name != "PATH":
            arguments += ["--env", f"{name}={value}"]
    for name, source in files.items():
        arguments += ["--volume", f"{source}:/data/{name}:ro"]
    options = [option for option in PYTHON_OPTIONS if not (packages and option == "-S")]
    image = os.environ.get(IMAGE, _DEFAULT)
    return (*arguments, image, "python3", *options, "-c", launcher)
