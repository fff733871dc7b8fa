"""The same launcher in a container, where bubblewrap is missing and docker is there.

Not a fallback: it is used only when asked for. A container takes most of a second to start, so this is the slow
way. Its authors have never run it. The image must hold the Python that programs run under, and the packages
they import (numpy for LeetCode; numpy, scipy, h5py and sympy for SciCode): `ENTMIN_DOCKER_IMAGE`, by default the
official slim image.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from entmin.sandbox.bubblewrap import ENVIRONMENT, INSIDE, PYTHON_OPTIONS, boot, inside
from entmin.sandbox.limits import Limits

IMAGE = "ENTMIN_DOCKER_IMAGE"
_DEFAULT = "python:3.12-slim"
DATA = "/data"
USERS = (65533, 65534)
"""Solver and judge."""


def command(limits: Limits, packages: tuple[str, ...], files: Mapping[str, str]) -> tuple[str, ...]:
    """The command that runs the launcher in a container of its own.

    The launcher is root there, with three capabilities: to start processes of other users and to end them. The files
    are in a folder that is open to it alone. Packages are the image's own, so only the folder they are found in is not
    hidden when there are any.
    """
    memory = f"{limits.memory_mib * 3 // 2}m"
    arguments = ["docker", "run", "--rm", "--interactive", "--init", "--network", "none", "--read-only"]
    arguments += ["--cap-drop", "ALL", "--security-opt", "no-new-privileges", "--user", "0:0"]
    for capability in ("SETUID", "SETGID", "KILL"):
        arguments += ["--cap-add", capability]
    arguments += ["--memory", memory, "--memory-swap", memory, "--pids-limit", str(limits.processes + 8)]
    # Without exec and with a size: /tmp is the only place that can be written.
    bounds = f"mode=1777,size={limits.disk_mib}m,nr_inodes={limits.inodes}"
    arguments += ["--tmpfs", f"/tmp:rw,{bounds}", "--workdir", "/tmp"]  # noqa: S108
    for name, value in ENVIRONMENT.items():
        if name != "PATH":
            arguments += ["--env", f"{name}={value}"]
    arguments += ["--volume", f"{inside()}:{INSIDE}/inside:ro"]
    if files:
        arguments += ["--tmpfs", f"{DATA}:mode=0700"]
    for name, source in files.items():
        arguments += ["--volume", f"{source}:{DATA}/{name}:ro"]
    options = [option for option in PYTHON_OPTIONS if not (packages and option == "-S")]
    image = os.environ.get(IMAGE, _DEFAULT)
    return (*arguments, image, "python3", *options, "-c", boot(INSIDE))
