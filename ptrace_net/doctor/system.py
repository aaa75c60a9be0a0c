"""Python, packages, limits, and the run itself."""

from __future__ import annotations

import fcntl
import os
import resource
import subprocess
import sys
from importlib import metadata

from ptrace_net.doctor.finding import LIMITED, MISSING, NOTE, OK, Finding
from ptrace_net.lab.entrance import Entrance
from ptrace_net.tracer.spawn import has_capability

_MACHINES = ("x86_64",)
_PACKAGES = ("construct", "psutil", "pyroute2", "python-ptrace")
_CAP_SYS_ADMIN = 21
_FEW = 4096  # descriptors: a supervisor holds about one a process, and one a listening or datagram socket
_SECONDS = 20


def kernel() -> Finding:
    name = os.uname()
    told = f"{name.sysname} {name.release}, {name.machine}; Python {sys.version.split()[0]}"
    if name.machine not in _MACHINES:
        return Finding("machine", MISSING, told, f"programs are supervised on {', '.join(_MACHINES)}")
    return Finding("machine", OK, told)


def packages() -> Finding:
    found, missing = [], []
    for name in _PACKAGES:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            missing.append(name)
    if missing:
        names = " ".join(missing)
        return Finding("packages", MISSING, f"without {names}", f"pip install {names}")
    return Finding("packages", OK, ", ".join(found))


def privileges() -> Finding:
    what = "set-user-ID programs"
    if has_capability("self", _CAP_SYS_ADMIN):
        return Finding(what, OK, "keep their privilege")
    told = "run without their privilege (no_new_privs): sudo, su, some ping"
    return Finding(what, NOTE, told, "run ptrace-net itself as root")


def memfd() -> Finding:
    what = "sealed memory files (memfd)"
    try:
        handle = os.memfd_create("doctor", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError as error:
        told = f"{os.strerror(error.errno or 0)}: UDP of --net stack does not work"
        return Finding(what, MISSING, told, "CONFIG_MEMFD_CREATE=y; a container must allow memfd_create(2)")
    try:
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE)
    except OSError as error:
        return Finding(what, MISSING, f"no seals: {os.strerror(error.errno or 0)}")
    finally:
        os.close(handle)
    return Finding(what, OK, "datagrams carry their source")


def descriptors() -> Finding:
    what, hard = "open files", resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    told = "no limit" if hard == resource.RLIM_INFINITY else f"at most {hard} (hard limit)"
    if hard != resource.RLIM_INFINITY and hard < _FEW:
        return Finding(what, LIMITED, f"{told}: few for many processes and sockets", "`ulimit -Hn 65536`")
    return Finding(what, OK, told)


def folder() -> Finding:
    what = "a folder for sockets"
    try:
        Entrance("").close()
    except OSError as error:
        told = f"{error.strerror}: no --name, ps, ss and stop"
        return Finding(what, MISSING, told, "/tmp or /dev/shm must be writable, and not on a network")
    return Finding(what, OK, "--name, ps, ss, stop")


def engine_ptrace() -> Finding:
    return _run("ptrace")


def engine_notify() -> Finding:
    return _run("notify")


def _run(engine: str) -> Finding:
    """Start a program for which a socket is made."""
    what = f"a run with --engine {engine}"
    program = [sys.executable, "-c", "import socket; socket.socket(socket.AF_INET6)"]
    command = [sys.executable, "-m", "ptrace_net", "--net", "host", "--engine", engine, "--", *program]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        return Finding(what, MISSING, f"not within {_SECONDS} seconds")
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        return Finding(what, MISSING, lines[-1].removeprefix("ptrace-net: "))
    return Finding(what, OK, "works")
