"""The system calls no benchmark program needs, refused by a BPF program that bubblewrap installs.

Namespaces hide files, processes and networks; what is left is the kernel itself. The filter takes away the calls most
kernel exploits start from (new namespaces, keyrings, io_uring, bpf, perf, userfaultfd, mounting, tracing), memory that
no limit sees (memfd; System V segments, messages and semaphores), and every socket that is not local: some families,
such as vsock, know no network namespace. Refused calls fail with EPERM; ``clone3`` with ENOSYS, which makes the C
library use ``clone``, whose flags can be read.
"""

from __future__ import annotations

import errno
import platform
import struct

_LOAD, _EQUAL, _ABOVE, _BITS, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
_NEW_NAMESPACES = 0x7E020000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_UNIX = 1
_X32 = 0x40000000

# Call numbers from 424 on are the same on every architecture.
_COMMON = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442, 447, 448)
_DENIED: dict[str, tuple[int, tuple[int, ...]]] = {
    # Audit architecture; ptrace, syslog, pivot_root, acct, mount, umount2, swapon, swapoff, reboot, init_module,
    # delete_module, add_key, request_key, keyctl, unshare, vmsplice, move_pages, perf_event_open, open_by_handle_at,
    # setns, process_vm_readv/writev, kcmp, finit_module, kexec_file_load, kexec_load, memfd_create, bpf, userfaultfd,
    # personality, fanotify_init/mark, shmget/at/ctl/dt, semget/op/ctl/timedop, msgget/snd/rcv/ctl, modify_ldt (x86-64).
    "x86_64": (
        0xC000003E,
        (101, 103, 155, 163, 165, 166, 167, 168, 169, 175, 176, 248, 249, 250, 272, 278, 279, 298, 304, 308, 310, 311,
         312, 313, 320, 246, 319, 321, 323,
         135, 300, 301, 29, 30, 31, 67, 64, 65, 66, 220, 68, 69, 70, 71, 154),
    ),
    "aarch64": (
        0xC00000B7,
        (117, 116, 41, 89, 40, 39, 224, 225, 142, 105, 106, 217, 218, 219, 97, 75, 239, 241, 265, 268, 270, 271, 272,
         273, 294, 104, 279, 280, 282,
         92, 262, 263, 194, 196, 195, 197, 190, 193, 191, 192, 186, 189, 188, 187),
    ),
}  # fmt: skip
_CALLS = {"x86_64": {"clone": 56, "socket": 41}, "aarch64": {"clone": 220, "socket": 198}}
_CLONE3 = 435


def _instruction(code: int, value: int, yes: int = 0, no: int = 0) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _refuse(error: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | error)


def filter_program(machine: str | None = None) -> bytes | None:
    """The BPF program for this architecture; None where we have no table for it."""
    machine = machine or platform.machine()
    if machine not in _DENIED:
        return None
    architecture, denied = _DENIED[machine]
    calls = _CALLS[machine]
    program = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_EQUAL, architecture, yes=1),
        _instruction(_RETURN, _KILL),
        _instruction(_LOAD, _NUMBER),
    ]
    if machine == "x86_64":
        program += [_instruction(_ABOVE, _X32, no=1), _refuse(errno.EPERM)]
    for number in (*denied, *_COMMON):
        program += [_instruction(_EQUAL, number, no=1), _refuse(errno.EPERM)]
    program += [_instruction(_EQUAL, _CLONE3, no=1), _refuse(errno.ENOSYS)]
    # A jump over load, test, refuse, allow: the accumulator no longer holds the number after the load.
    program += [
        _instruction(_EQUAL, calls["clone"], no=4),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_BITS, _NEW_NAMESPACES, no=1),
        _refuse(errno.EPERM),
        _instruction(_RETURN, _ALLOW),
        _instruction(_EQUAL, calls["socket"], no=3),
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_EQUAL, _UNIX, yes=1),
        _refuse(errno.EPERM),
        _instruction(_RETURN, _ALLOW),
    ]
    return b"".join(program)
