"""The command line that puts an interpreter into a namespace of its own, with bubblewrap.

What is inside: the C library's folders, the interpreter and its standard library, the named packages, all read-only;
an empty /tmp of bounded size, which is also the working folder; a minimal /dev and /proc. What is not: everything else.

Two ways in, tried in this order:

1. As root: no user namespace, but two user ids drawn at random for each program, its own and its judge's, which own
   nothing and have no capabilities. (In a user namespace made by root the kernel would not count our processes, as it
   never counts root's.)
2. As anyone else: a user namespace, in which there is one user only. A setuid bubblewrap gets by without one where the
   kernel forbids them.
"""

from __future__ import annotations

import compileall
import os
import secrets
import shutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from entmin.errors import EntminError
from entmin.sandbox.limits import MIB

LIBRARIES = ("/lib", "/lib64", "/lib32", "/usr/lib", "/usr/lib64")
_ETC = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo")
ENVIRONMENT = {
    "PATH": "/nonexistent",
    "HOME": "/tmp",  # noqa: S108
    "TMPDIR": "/tmp",  # noqa: S108
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",
    "PYTHONUTF8": "1",
    "MPLBACKEND": "Agg",
    # Threads would count as processes and make processor time a matter of the machine.
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
PYTHON_OPTIONS = ("-s", "-P", "-S", "-B")
PACKAGES = "/packages"
INSIDE = "/entmin"
"""Where the folder ``inside`` appears."""
WORK = "/work"
"""Where the folder of an Inspect sample appears."""
_KEPT = ("--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID", "--cap-add", "CAP_KILL")
USERS = 1 << 30
"""Random user ids start here, far above those that systems and containers hand out."""


@dataclass(frozen=True, slots=True)
class Command:
    """A sandboxed interpreter, ready to be started."""

    argv: tuple[str, ...]
    uids: tuple[int | None, int | None]
    """The users that solver and judge must become; None where they are nobody already."""


def executable() -> str | None:
    """The path of bubblewrap."""
    return shutil.which("bwrap")


@cache
def interpreter() -> str:
    """The interpreter itself, not the link to it in a virtual environment."""
    return os.path.realpath(sys.executable)


@cache
def _roots() -> tuple[str, ...]:
    """Host folders and files of the interpreter that must be visible at their own paths."""
    library = os.path.realpath(os.path.join(sys.base_prefix, "lib"))
    needed = [interpreter()]
    if not any(library == root or library.startswith(root + os.sep) for root in LIBRARIES):
        needed.append(library)
    return tuple(needed)


def _site_folders() -> Iterable[str]:
    """Installed packages inside the bound interpreter, which are hidden."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    library = Path(os.path.realpath(os.path.join(sys.base_prefix, "lib")))
    for folder in (library / version / "site-packages", library / version / "dist-packages"):
        if folder.is_dir():
            yield str(folder)
    if Path("/usr/lib/python3/dist-packages").is_dir():
        yield "/usr/lib/python3/dist-packages"


@cache
def package_mounts(names: tuple[str, ...]) -> dict[str, str]:
    """Mount point to host folder for each package, its bundled libraries included.

    Raises:
        EntminError: one is not installed.
    """
    mounts: dict[str, str] = {}
    for name in names:
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise EntminError(f"programs need the package {name}, which is not installed: pip install 'entmin[code]'")
        place = Path(spec.origin)
        source = place.parent if place.name == "__init__.py" else place
        mounts[f"{PACKAGES}/{source.name}"] = str(source)
        bundled = source.parent / f"{name}.libs"
        if bundled.is_dir():
            mounts[f"{PACKAGES}/{bundled.name}"] = str(bundled)
    return mounts


@cache
def inside() -> str:
    """The host folder with what runs inside, compiled here, because inside nothing can be written: 30 ms a program."""
    folder = str(Path(__file__).parent / "inside")
    compileall.compile_dir(folder, quiet=2)
    return folder


def _folders(paths: Iterable[str]) -> list[str]:
    """Make the parents of `paths` readable: bubblewrap would make them for their owner only, whom we are not inside."""
    parents = {str(parent) for path in paths for parent in Path(path).parents if str(parent) != os.sep}
    return [word for parent in sorted(parents) for word in ("--perms", "0755", "--dir", parent)]


def _visible(*folders: str) -> list[str]:
    """The system's folders at their own paths, as the links that some of them are."""
    arguments: list[str] = []
    for folder in folders:
        if os.path.islink(folder):
            arguments += ["--symlink", os.readlink(folder), folder]
        elif os.path.isdir(folder):
            arguments += ["--ro-bind", folder, folder]
    return arguments


def _system() -> list[str]:
    arguments = _folders((*_ETC, *_roots())) + _visible(*LIBRARIES)
    for path in _ETC:
        arguments += ["--ro-bind-try", path, path]
    for path in _roots():
        arguments += ["--ro-bind", path, path]
    for path in _site_folders():
        arguments += ["--size", str(MIB), "--perms", "0555", "--tmpfs", path, "--remount-ro", path]
    return arguments


def _writable(disk_mib: int) -> list[str]:
    """Everything that can be written, bounded; the root and /dev are made read-only last."""
    size = str(disk_mib * MIB)
    return [
        "--size", size, "--perms", "1777", "--tmpfs", "/tmp",  # noqa: S108
        "--proc", "/proc",
        "--dev", "/dev",
        "--size", str(8 * MIB), "--perms", "1777", "--tmpfs", "/dev/shm",  # noqa: S108
        "--remount-ro", "/dev",
        "--remount-ro", "/",
        "--chdir", "/tmp",  # noqa: S108
    ]  # fmt: skip


def privileges(as_root: bool) -> list[str]:
    """Namespaces and capabilities; as root the launcher keeps three, to start processes of other users and end them."""
    namespaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    if as_root:
        return [*namespaces, "--cap-drop", "ALL", *_KEPT]
    return ["--unshare-user-try", *namespaces, "--uid", "65534", "--gid", "65534", "--cap-drop", "ALL"]


def _begun(as_root: bool, environment: Mapping[str, str]) -> list[str]:
    """How every sandbox begins: its namespaces, its variables, and the interpreter with what that needs."""
    path = executable()
    if path is None:
        raise EntminError("bubblewrap is not installed: apt-get install bubblewrap")
    arguments = [path, *privileges(as_root), "--die-with-parent", "--new-session"]
    arguments += ["--hostname", "sandbox", "--clearenv"]
    for name, value in environment.items():
        arguments += ["--setenv", name, value]
    return arguments + _system()


def boot(folder: str) -> str:
    """Source that starts the launcher: it makes ``entmin.sandbox.inside`` importable and forgets the names again."""
    return (
        "import sys,types\n"
        f"for n,p in ('entmin',[]),('entmin.sandbox',[{folder!r}]):\n"
        "  m=sys.modules[n]=types.ModuleType(n);m.__path__=p\n"
        "from entmin.sandbox.inside.launch import main\n"
        "for n in [n for n in sys.modules if n.startswith('entmin')]:del sys.modules[n]\n"
        "main()"
    )


def command(
    *,
    disk_mib: int,
    packages: tuple[str, ...] = (),
    filter_descriptor: int | None = None,
    as_root: bool | None = None,
) -> Command:
    """The command that runs the launcher in a sandbox.

    Args:
        disk_mib: Size of /tmp.
        packages: Packages to mount, importable inside.
        filter_descriptor: An open descriptor with the BPF program of seccomp.py.
        as_root: Whether we are root; by default, whether this process is.

    Raises:
        EntminError: bubblewrap or a package is missing.
    """
    root = os.geteuid() == 0 if as_root is None else as_root
    arguments = _begun(root, ENVIRONMENT | ({"PYTHONPATH": PACKAGES} if packages else {}))
    mounts = {**package_mounts(packages), f"{INSIDE}/inside": inside()}
    arguments += _folders(mounts)
    for place, source in mounts.items():
        arguments += ["--ro-bind", source, place]
    arguments += _writable(disk_mib)
    if filter_descriptor is not None:
        arguments += ["--seccomp", str(filter_descriptor)]
    arguments += ["--", interpreter(), *PYTHON_OPTIONS, "-c", boot(INSIDE)]
    user = USERS + 2 * secrets.randbelow(USERS // 2)
    return Command(tuple(arguments), (user, user + 1) if root else (None, None))


def workspace(
    folder: str,
    program: Sequence[str],
    *,
    environment: Mapping[str, str],
    disk_mib: int,
    filter_descriptor: int | None,
) -> list[str]:
    """The command that runs `program` with the host's `folder` as its working folder and the system's commands."""
    arguments = _begun(os.geteuid() == 0, ENVIRONMENT | {"PATH": "/usr/bin:/bin"} | dict(environment))
    arguments += _visible("/usr/bin", "/bin")
    arguments += [*_writable(disk_mib)[:-4], "--bind", folder, WORK, "--remount-ro", "/", "--chdir", "/"]
    if filter_descriptor is not None:
        arguments += ["--seccomp", str(filter_descriptor)]
    return [*arguments, "--", *program]
