"""The tab key in real shells that have sourced `entmin completion`."""

from __future__ import annotations

import os
import pty
import select
import shutil
import sys
import time

import pytest

SHELLS = {
    "bash": (["bash", "--norc"], 'eval "$(entmin completion bash)"'),
    "zsh": (["zsh", "-f"], 'autoload -U compinit; compinit -u -D; eval "$(entmin completion zsh)"'),
    "fish": (["fish", "--no-config"], "entmin completion fish | source"),
}
TYPED = {
    "entmin ev": "eval",
    "entmin eval smol": "smollm2-135m",
    "entmin eval m --task math5": "math500",
    "entmin eval m --task prob": "problems.jsonl",
    "entmin compare m --methods normal,em_": "normal,em_inf",
    "entmin eval m --mode em_inf:thr": "em_inf:threshold=",
    "entmin eval m --mode em_inf:threshold=1+self_cons": "em_inf:threshold=1+self_consistency",
    "entmin serve m --engine v": "vllm",
}
TAB, TO_THE_BEGINNING = "\t", "\x01"


class Typed:
    """A shell on a terminal of its own."""

    def __init__(self, command: list[str], folder, environment):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self.shown = ""

    def type(self, keys: str) -> None:
        self.shown = ""
        os.write(self.terminal, keys.encode())

    def shows(self, text: str, seconds: float = 60) -> bool:
        until = time.monotonic() + seconds
        while text not in self.shown and time.monotonic() < until:
            if select.select([self.terminal], [], [], 0.1)[0]:
                self.shown += os.read(self.terminal, 1 << 16).decode(errors="replace")
        return text in self.shown

    def end(self) -> None:
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_tab_completes_verbs_models_tasks_files_and_modes(shell, tmp_path):
    command, source = SHELLS[shell]
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    (tmp_path / "bin").mkdir()
    (tmp_path / "problems.jsonl").touch()
    program = tmp_path / "bin" / "entmin"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m entmin "$@"\n')
    program.chmod(0o755)
    own = {"PATH": f"{program.parent}:{os.environ['PATH']}", "TERM": "dumb", "PS1": "$ ", "HOME": str(tmp_path)}
    typed = Typed(command, tmp_path, os.environ | own)
    try:
        typed.type(f"{source}; echo rea''dy\n")
        assert typed.shows("ready"), typed.shown
        for line, whole in TYPED.items():
            typed.type(f"{line}{TAB}{TO_THE_BEGINNING}printf '<%s>' \n")  # says the words instead of running them
            assert typed.shows(f"<{whole}>"), f"{line}: {typed.shown}"
    finally:
        typed.end()
