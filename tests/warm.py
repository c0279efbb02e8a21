"""Interpreters that start at once: forks of one that has imported what most programs of the tests import.

Importing takes most of the time of a program that sends three packets. `python warm.py SERVE` is that
interpreter. `python warm.py` with the arguments of Python itself (`-W error`, `-c CODE` or `-m MODULE`, then
the program's own) has it fork a child with this process's files, directory, environment, namespaces, user,
capabilities and urgency, waits, and ends as the child did. The child ends as an interpreter does: what it
left open shows.
"""

from __future__ import annotations

import _socket
import array
import os
import sys

TYPE_CHECKING = False  # typing takes longer to import than all of this
if TYPE_CHECKING:
    import ctypes

    Identity = tuple[tuple[int, int, int], tuple[int, int, int], int, int]
    Urgency = tuple[int, int]

SOCKET = "ANYICMP_TESTS_WARM"
"""The environment variable that names the server's socket."""

KINDS = ("net", "mnt")
LIFE = 120
"""Seconds after which a child is killed whose client is gone."""

SIZE = 1 << 20
PR_SET_KEEPCAPS = 8
PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE = 47, 2
CAPABILITY_VERSION_3 = 0x20080522


def ask(arguments: list[str]) -> int:
    """The client: have a fork run the program, and return its exit status."""
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    connection.setsockopt(_socket.SOL_SOCKET, _socket.SO_SNDBUF, SIZE)
    connection.connect(os.environ[SOCKET])
    files = [0, 1, 2, *(os.open(f"/proc/self/ns/{kind}", os.O_RDONLY) for kind in KINDS)]
    directory = os.getcwd()  # noqa: PTH109 - pathlib is what a quick start does without
    said = repr((arguments, directory, dict(os.environ), identity(), urgency()))
    connection.sendmsg([said.encode()], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, array.array("i", files))])
    answer = connection.recv(16)
    return int(answer) if answer else 70


def identity() -> Identity:
    """Who this process is: users, groups, effective and ambient capabilities."""
    with open("/proc/self/status") as status:  # noqa: PTH123 - as above
        sets = dict(line.split()[:2] for line in status if line.startswith("Cap"))
    return os.getresuid(), os.getresgid(), int(sets["CapEff:"], 16), int(sets["CapAmb:"], 16)


def urgency() -> Urgency:
    """How this process is scheduled: policy and priority (sched(7))."""
    return os.sched_getscheduler(0), os.sched_getparam(0).sched_priority


def serve(path: str) -> None:
    """The server: import, listen, fork for each client. Ends when its standard input does."""
    import gc
    import importlib
    import select

    for name in (
        "anyicmp.testing.pump", "anyicmp.cli.__main__", "anyicmp.net.mmsg", "anyicmp.net.portable",
        "anyio._backends._asyncio", "anyio._backends._trio", "uvloop", "trio", "scenarios.playing", "inspect",
        "json", "statistics", "ast", "ctypes", "runpy", "signal", "warnings",
    ):  # fmt: skip
        importlib.import_module(name)
    listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET)
    listener.bind(path)
    os.chmod(path, 0o777)  # noqa: PTH101 - clients are of any user
    listener.listen(16)
    gc.freeze()  # no child looks through what is all shared
    os.write(1, b"\n")
    while True:
        readable, _, _ = select.select([0, listener.fileno()], [], [])
        if 0 in readable:
            os._exit(0)
        descriptor, _ = listener._accept()  # type: ignore[attr-defined] # what socket.accept wraps
        connection = _socket.socket(fileno=descriptor)
        if os.fork() == 0:
            if os.fork() == 0:
                listener.close()
                _wait_for_child(connection)  # returns in the grandchild alone
                return
            os._exit(0)
        connection.close()
        os.wait()


def _wait_for_child(connection: _socket.socket) -> None:
    """Fork; the parent tells the client how the child ended, the child becomes the program's process."""
    said, ancillary, _, _ = connection.recvmsg(SIZE, _socket.CMSG_SPACE(4 * (3 + len(KINDS))))
    files = array.array("i", ancillary[0][2])
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        connection.send(str(code if code >= 0 else 128 - code).encode())
        os._exit(0)
    connection.close()
    import ast
    import ctypes
    import signal

    arguments, directory, environment, who, (policy, priority) = ast.literal_eval(said.decode())
    libc = ctypes.CDLL(None, use_errno=True)
    for kind, file in zip(KINDS, files[3:], strict=True):
        if not os.path.sameopenfile(file, own := os.open(f"/proc/self/ns/{kind}", os.O_RDONLY)):
            _check(libc.setns(file, 0))
        os.close(own)
    for standard, file in enumerate(files[:3]):
        os.dup2(file, standard)
    for file in files:
        os.close(file)
    if (policy, priority) != urgency():
        os.sched_setscheduler(0, policy, os.sched_param(priority))
    if who != identity():
        _become(libc, who)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    sys.path[:0] = environment.get("PYTHONPATH", "").split(os.pathsep)
    signal.alarm(LIFE)
    sys.argv = ["", *arguments]


def _become(libc: ctypes.CDLL, who: Identity) -> None:
    import ctypes

    users, groups, effective, ambient = who
    os.setgroups([])
    _check(libc.prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0))
    os.setresgid(*groups)
    os.setresuid(*users)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    halves = [(mask & 0xFFFFFFFF, mask >> 32) for mask in (effective, effective, ambient)]
    _check(
        libc.capset(header, (ctypes.c_uint32 * 6)(*(low for low, _ in halves), *(high for _, high in halves)))
    )
    for capability in range(64):  # what programs that it starts keep
        if ambient >> capability & 1:
            _check(libc.prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        raise OSError("the child could not become what its client is")


def run(arguments: list[str]) -> None:
    """The program, as Python's own command line has it."""
    import runpy
    import warnings

    while arguments[0] == "-W":
        warnings.simplefilter(arguments[1])  # type: ignore[arg-type] # as the command line has it
        arguments = arguments[2:]
    kind, what, *rest = arguments
    sys.argv = [kind, *rest]
    if kind == "-m":
        if not hasattr(sys.modules.get(what), "__path__"):  # of a package it is __main__ that runs
            sys.modules.pop(what, None)
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


if __name__ == "__main__":
    if sys.argv[1] == "SERVE":
        serve(sys.argv[2])
        run(sys.argv[1:])
    else:
        sys.exit(ask(sys.argv[1:]))
