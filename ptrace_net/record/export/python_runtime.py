"""The fixed part of an exported Python script: it makes raw system calls and compares what comes back."""

HEAD = r"""
import ctypes
import os
import signal
import struct
import sys

FD = 0x6F000000
libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long
signal.signal(signal.SIGPIPE, signal.SIG_IGN)
signal.signal(signal.SIGALRM, lambda *_: None)
signal.siginterrupt(signal.SIGALRM, True)
real, ports, peers = {}, {}, {}
reached = ""
counts = {"calls": 0, "failures": 0}
packed = os.uname().machine == "x86_64"


def fail(where, text, what):
    counts["failures"] += 1
    print(f"{where}: {text}: {what}")


def place(argument, blocks, port):
    if isinstance(argument, int):
        return real.get(argument, argument)
    raw = bytearray(bytes.fromhex(argument["m"])[: argument["n"]])
    for at in range(0, len(raw) - 3, 4):
        (word,) = struct.unpack_from("=i", raw, at)
        if word in real:
            struct.pack_into("=i", raw, at, real[word])
    if port and len(raw) >= 8 and struct.unpack_from("=H", raw)[0] in (2, 10):
        struct.pack_into("!H", raw, 2, ports.get(port, port))
    buffer = ctypes.create_string_buffer(bytes(raw), max(argument["n"], 1))
    if argument["o"]:
        blocks.append((buffer, argument["n"], argument["o"]))
    else:
        blocks.append((buffer, 0, 0))
    for offset, inner in argument.get("r", ()):
        address = place(inner, blocks, port)
        pointer = address.to_bytes(8, sys.byteorder, signed=address < 0)
        ctypes.memmove(ctypes.addressof(buffer) + offset, pointer, 8)
    return ctypes.addressof(buffer)


def step(where, text, number, arguments, want, want_errno, made=(), checks=(), peer="", ports=0):
    global reached
    reached, blocks = where or reached, []
    values = [place(argument, blocks, ports) for argument in arguments]
    if peer == "in":
        known = ctypes.create_string_buffer(peers[values[0]])
        values[4], values[5] = ctypes.addressof(known), len(peers[values[0]])
    signal.setitimer(signal.ITIMER_REAL, 30)
    ctypes.set_errno(0)
    got = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(value) for value in values))
    error = ctypes.get_errno()
    signal.setitimer(signal.ITIMER_REAL, 0)
    outs = [buffer.raw[: size if out == 1 else max(0, min(size, got))] for buffer, size, out in blocks if out]
    if peer == "out" and got >= 0:
        family = struct.unpack_from("=H", outs[-2])[0]
        peers[values[0]] = outs[-2][: 16 if family == 2 else 28]
    if want == "works":
        if got < 0:
            print(f"{reached}: the outside world: {text}: {os.strerror(error)}")
            sys.exit(2)
    elif want != "setup":
        counts["calls"] += 1
        judge(where, text, got, error, want, want_errno)
    take(got, outs, made)
    if got >= 0:
        for check in checks:
            compare(where, text, outs, ports, *check)


def judge(where, text, got, error, want, want_errno):
    if got == -1:
        if error != want_errno:
            fail(where, text, f"failed with errno {error} ({os.strerror(error)}), recorded {want_errno}")
    elif want_errno:
        fail(where, text, f"returned {got}, recorded errno {want_errno} ({os.strerror(want_errno)})")
    elif want is not None and got != want:
        fail(where, text, f"returned {got}, recorded {want}")


def take(got, outs, made):
    if got >= 0 and len(made) == 1:
        real[made[0]] = got
    elif got == 0 and len(made) == 2:
        real.update(zip(made, struct.unpack("=ii", outs[-1])))


def compare(where, text, outs, port, index, how, want):
    got = outs[index]
    if how == "poll":
        found = [struct.unpack_from("=h", got, at * 8 + 6)[0] for at in range(len(want))]
        if found != want:
            fail(where, text, f"revents are {found}, recorded {want}")
    elif how == "lengths":
        found = [struct.unpack_from("=I", got, at * 64 + 56)[0] for at in range(len(want))]
        if found != want:
            fail(where, text, f"lengths are {found}, recorded {want}")
    elif how == "events":
        layout = struct.Struct("<IQ" if packed else "=I4xQ")
        found = {}
        for at in range(len(want)):
            events, word = layout.unpack_from(got, at * layout.size)
            found[word] = events
        if found != want:
            fail(where, text, f"events are {found}, recorded {want}")
    else:
        if port and len(want) >= 8 and text.startswith(("getsockname", "accept", "recvfrom")):
            ports[port] = struct.unpack_from("!H", got, 2)[0]
        if port and len(want) >= 8:
            want = want[:2] + struct.pack("!H", ports.get(port, port)) + want[4:]
        if got[: len(want)] != want[: len(got)]:
            fail(where, text, f"memory is {got[:len(want)]!r}, recorded {want!r}")


def inherit(child, parent):
    if parent in real:
        real[child] = os.dup(real[parent])


def leave(tokens):
    for token in tokens:
        if token in real:
            try:
                os.close(real.pop(token))
            except OSError:
                pass


"""

TAIL = r"""

print(f"{counts['calls']} calls, {counts['failures']} differences")
sys.exit(counts["failures"] != 0)
"""
