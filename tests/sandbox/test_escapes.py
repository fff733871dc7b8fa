"""Every way out that we could think of, tried for real: contained, told apart, and gone afterwards."""

import os
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from entmin.sandbox import Case, Limits, Program
from entmin.sandbox.process import descendants

from .conftest import LIMITS


def test_an_honest_program_passes_and_a_wrong_one_is_wrong(run):
    assert run("def f(x): return x + 1", "assert f(1) == 2").ending == "ok"
    assert run("def f(x): return x", "assert f(1) == 2").ending == "wrong"


@pytest.mark.parametrize("path", ["/etc/passwd", "/etc/shadow", "/root/.bashrc", "/proc/1/environ", "/usr/bin/env"])
def test_files_of_the_host_are_not_there(run, path):
    outcome = run(f"open({path!r}).read()")
    assert outcome.ending == "crash"
    assert "FileNotFoundError" in outcome.detail or "PermissionError" in outcome.detail


def test_project_home_and_working_folder_are_not_there(run, tmp_path):
    (tmp_path / "secret").write_text("secret")
    for place in (Path(__file__), Path.home() / ".ssh", tmp_path / "secret", Path.cwd() / "pyproject.toml"):
        assert run("import os", f"assert not os.path.exists({str(place)!r})").ending == "ok", place


def test_installed_packages_are_not_there_unless_named(run):
    assert "ModuleNotFoundError" in run("import numpy").detail
    assert "ModuleNotFoundError" in run("import entmin").detail
    assert run("import numpy as np", "assert np.ones(3).sum() == 3", packages=("numpy",)).ending == "ok"


def test_the_environment_is_not_there(run, monkeypatch):
    monkeypatch.setenv("ENTMIN_SECRET", "secret")
    code = (
        "import os\nseen = repr(dict(os.environ))\n"
        "for pid in ('self', '1', str(os.getppid())):\n"
        "    try: seen += open(f'/proc/{pid}/environ').read()\n    except OSError: pass"
    )
    assert run(code, "assert 'HOME' in seen and 'ENTMIN_SECRET' not in seen and 'secret' not in seen").ending == "ok"


@pytest.mark.parametrize("place", ["/", "/usr/lib", "/dev", "/etc", "/proc", "/packages"])
def test_writing_outside_tmp_fails(run, place):
    outcome = run(f"open({place!r} + '/escape', 'w').write('x')")
    assert outcome.ending == "crash" and "Error" in outcome.detail
    assert not Path(place, "escape").exists()


def test_what_is_written_to_tmp_is_gone(run):
    name = f"/tmp/entmin-escape-{os.getpid()}"
    assert run(f"open({name!r}, 'w').write('x')", f"assert open({name!r}).read() == 'x'").ending == "ok"
    assert not Path(name).exists()
    assert run("import os", "assert os.listdir('/tmp') == []").ending == "ok"


def test_a_symbolic_link_leads_nowhere(run, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for target in (str(secret), "/proc/1/root/etc/passwd", "../../../../../../etc/passwd"):
        outcome = run(f"import os\nos.symlink({target!r}, '/tmp/link')\nopen('/tmp/link').read()")
        assert outcome.ending == "crash", target
        outcome = run(f"import os\nos.symlink({target!r}, '/tmp/link')\nopen('/tmp/link', 'w').write('x')")
        assert outcome.ending == "crash", target
    assert secret.read_text() == "secret"


def test_no_socket_reaches_a_server_of_the_host(run):
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)
        thread = threading.Thread(target=lambda: heard.append(_accept(server)))
        thread.start()
        port = server.getsockname()[1]
        code = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), timeout=2)"
        outcome = run(code)
        assert outcome.ending == "crash" and "Error" in outcome.detail
        with socket.create_connection(("127.0.0.1", port)) as ours:
            ours.sendall(b"ours")
        thread.join()
    assert heard == [b"ours"]


def _accept(server):
    connection, _ = server.accept()
    with connection:
        return connection.recv(16)


@pytest.mark.parametrize("family", ["AF_INET", "AF_INET6", "AF_NETLINK", "AF_VSOCK", "AF_ALG", "AF_PACKET"])
def test_no_family_of_sockets_but_local_ones(run, sandbox, family):
    if not hasattr(socket, family) or not sandbox.filtered:
        pytest.skip("no such family, or no filter on this architecture")
    assert run(f"import socket\nsocket.socket(socket.{family}, socket.SOCK_DGRAM)").ending == "crash"
    assert run("import socket\na, b = socket.socketpair()\na.send(b'x')", "assert b.recv(1) == b'x'").ending == "ok"


@pytest.mark.parametrize(
    "call", ["unshare(0x10000000)", "mount(b'x', b'/tmp', b'tmpfs', 0, None)", "ptrace(16, 1, 0, 0)"]
)
def test_kernel_calls_that_exploits_start_from_are_refused(run, sandbox, call):
    if not sandbox.filtered:
        pytest.skip("no filter on this architecture")
    code = f"import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\nvalue = libc.{call}\nerror = ctypes.get_errno()"
    assert run(code, "assert value == -1 and error == 1").ending == "ok"


def test_no_privileges(run):
    code = "import os\nlines = dict(l.split(':', 1) for l in open('/proc/self/status').read().splitlines() if ':' in l)"
    tests = (
        "assert os.getuid() != 0 and os.geteuid() != 0 and os.getgroups() in ([], [os.getgid()])\n"
        "assert int(lines['CapEff'], 16) == int(lines['CapPrm'], 16) == int(lines['CapAmb'], 16) == 0\n"
        "assert lines['NoNewPrivs'].strip() == '1'\n"
    )
    assert run(code, tests).ending == "ok"
    for attempt in (
        "os.setuid(0)",
        "os.chroot('/tmp')",
        "os.sethostname(b'x')" if hasattr(os, "sethostname") else "os.setgid(0)",
    ):
        assert run(f"import os\n{attempt}").ending == "crash", attempt


def test_processes_of_the_host_are_not_there(run):
    code = "import os\npids = sorted(int(name) for name in os.listdir('/proc') if name.isdigit())"
    assert run(code, f"assert pids[0] == 1 and len(pids) <= 4 and {os.getpid()} not in pids").ending == "ok"


@pytest.mark.slow
def test_fork_bomb(run):
    assert run("import os\nwhile True: os.fork()").ending == "crash"
    caught = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"
    assert run(caught).ending == "timeout"


def test_thread_bomb(run):
    code = "import threading, time\nwhile True: threading.Thread(target=time.sleep, args=(99,)).start()"
    assert run(code).ending == "crash"


def test_memory_bomb(run):
    assert run("x = bytearray(10 ** 10)").ending == "memory"
    assert run("x = []\nwhile True: x.append(bytearray(1 << 20))").ending == "memory"


def test_memory_bomb_of_many_processes(run):
    code = (
        "import os, time\nfor _ in range(8):\n    if os.fork() == 0:\n"
        "        x = bytearray(os.urandom(1 << 20)) * 150\n        time.sleep(99)\ntime.sleep(99)"
    )
    assert run(code).ending == "memory"


def test_output_flood(run):
    started = time.monotonic()
    assert run("while True: print('x' * 10000)").detail == "more than 1 MiB of output"
    assert run("import sys\nwhile True: sys.stderr.write('x' * 10000)").ending == "crash"
    assert run("import os\nwhile True: os.write(3, b'x' * 10000)").ending == "crash"
    assert time.monotonic() - started < 10


@pytest.mark.slow
def test_a_loop_is_a_timeout_whatever_it_ignores(run):
    assert run("while True: pass").ending == "timeout"
    code = "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError): pass\n"  # noqa: E501
    assert run(code + "while True: pass").ending == "timeout"


def test_sleeping_forever_is_a_timeout(run):
    outcome = run("import time\ntime.sleep(10 ** 6)", limits=Limits(cpu_seconds=2, wall_seconds=1.5))
    assert outcome.ending == "timeout" and "clock" in outcome.detail


@pytest.mark.slow
def test_a_busy_machine_does_not_turn_right_into_wrong(run):
    limits = Limits(cpu_seconds=1, wall_seconds=20)
    assert run("import time\ntime.sleep(2.5)\nx = 1", "assert x == 1", limits).ending == "ok"


@pytest.mark.slow
def test_killing_the_parent_and_everything_in_sight(run):
    for target in ("os.getppid()", "1", "-1", "0"):
        outcome = run(f"import os, signal\nos.kill({target}, signal.SIGKILL)\nimport time\ntime.sleep(3)")
        assert outcome.ending in ("crash", "timeout", "ok"), target
        # As root the launcher is another user's, and -1 reaches nobody.
        assert outcome.ending != "ok" or target == "1" or (target == "-1" and os.geteuid() == 0), target
    assert run("x = 1", "assert x == 1").ending == "ok"


def test_filling_the_disk(run):
    one = run("with open('/tmp/x', 'wb') as f:\n    while True: f.write(bytes(1 << 20))")
    assert one.ending == "crash" and "File too large" in one.detail
    many = run("for i in range(10 ** 6):\n    with open(f'/tmp/{i}', 'wb') as f: f.write(bytes(1 << 20))")
    assert many.ending == "crash" and "No space left" in many.detail
    shared = run("for i in range(10 ** 6):\n    with open(f'/dev/shm/{i}', 'wb') as f: f.write(bytes(1 << 20))")
    assert shared.ending == "crash"


def test_memory_that_no_limit_sees(run, sandbox):
    if not sandbox.filtered:
        pytest.skip("no filter on this architecture")
    assert "PermissionError" in run("import os\nos.memfd_create('x')").detail


def test_deep_recursion(run):
    assert "RecursionError" in run("def f(n): return f(n + 1)\nf(0)").detail
    deep = "import sys\nsys.setrecursionlimit(10 ** 9)\nclass A:\n    def __repr__(self): return repr(self)\nrepr(A())"
    assert run(deep).ending in ("crash", "memory")
    assert run("x = " + "(" * 5000 + ")" * 5000).ending in ("compile", "crash", "memory")


def test_opening_all_files(run):
    assert run("x = [open('/dev/null') for _ in range(10 ** 6)]").ending == "crash"


def test_leaving_early_is_not_passing(run):
    for way in ("import os\nos._exit(0)", "quit = 1\nimport os\nos.abort()", "raise SystemExit(1)"):
        assert run(way, "assert False").ending == "crash", way
    for way in ("import sys\nsys.exit(0)", "raise SystemExit", "exit()"):  # the tests ask it all the same
        assert run(way, "assert False").ending == "wrong", way
    late = "import atexit, os\ndef f(): os._exit(0)"
    assert run(late, "f()\nassert False").ending == "crash"


def test_code_that_does_not_parse(run):
    assert run("def f(:").ending == "compile"
    assert run("x = '\0'").ending == "compile"
    assert run("\ud800").ending in ("compile", "crash")


def test_a_report_cannot_be_forged_from_outside_the_launcher(run):
    forged = '{"case": 0, "passed": true, "event": null, "signal": 0, "exit": 0}'
    through = f"import os\nfd = os.open(f'/proc/{{os.getppid()}}/fd/1', os.O_WRONLY)\nos.write(fd, {forged!r}.encode())"
    assert run(through, "assert False").ending == "crash"
    assert run("import os\nopen(f'/proc/{os.getppid()}/mem', 'rb')").ending == "crash"
    outcome = run(
        f"import os\nfor d in range(1, 10):\n    try: os.write(d, {forged!r}.encode() + b'\\n')\n    except OSError: pass\n",  # noqa: E501
        "assert False",
    )
    assert outcome.ending != "ok"


def test_nothing_survives(sandbox):
    code = (
        "import os, time\n"
        "for _ in range(4):\n"
        "    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0: time.sleep(600)\n        os._exit(0)\n"
    )
    before = set(descendants(os.getpid()))
    started = time.monotonic()
    outcomes = sandbox.run(Program("asserts", code, (Case(), Case())), LIMITS)
    assert [outcome.ending for outcome in outcomes] == ["ok", "ok"]
    assert time.monotonic() - started < 5
    assert set(descendants(os.getpid())) <= before


def test_nothing_survives_when_we_are_killed(sandbox):
    marker = f"entmin{os.getpid()}"
    script = (
        "from entmin.sandbox import *\n"
        f"open_sandbox().run(Program('asserts', '{marker} = 1\\nimport time; time.sleep(600)', (Case(),)), Limits(wall_seconds=600))"  # noqa: E501
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in __import__("sys").path if path)}
    process = subprocess.Popen([__import__("sys").executable, "-c", script], env=environment)
    deadline = time.monotonic() + 30
    while len(list(descendants(process.pid))) < 4 and time.monotonic() < deadline:
        time.sleep(0.05)
    inside = list(descendants(process.pid))
    assert len(inside) >= 3
    process.kill()
    process.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in inside) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in inside if Path(f"/proc/{pid}").exists()]


@pytest.mark.slow
def test_a_hostile_case_does_not_take_the_others_with_it(sandbox):
    kill = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)\nos.kill(-1, signal.SIGKILL)"
    codes = ("x = 1", kill, "x = 1", "while True: pass", "x = 1")
    program = Program("asserts", "", tuple(Case(tests="assert x == 1", code=code) for code in codes))
    endings = [outcome.ending for outcome in sandbox.run(program, LIMITS)]
    assert endings[0] == endings[2] == endings[4] == "ok" and endings[3] == "timeout" and endings[1] == "crash"
