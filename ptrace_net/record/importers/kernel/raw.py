"""Six registers as decoded arguments: what a kernel's log prints as ``args = [10, 1, 6, …]``.

`signatures` says what each register is; a register beyond the prototype is left out, a pointer stays a
pointer, because its memory is not in the log.
"""

from collections.abc import Sequence

from ptrace_net.abi.arch import X86_64
from ptrace_net.abi.constants.fcntl import F
from ptrace_net.record.importers.strace.literals import decimal
from ptrace_net.record.model import Pointer, Symbol, Value
from ptrace_net.record.names import spell, syscall_name, syscall_number
from ptrace_net.record.signatures import Param, canonical, params, words

_NAMED = words("domain type level how cmd request epop msgflags openflags sockflags")
_POINTERS = words(
    "addr addr_out lenp buf buf_out ptr optval optval_out msg msg_out mmsg mmsg_out iov iov_out pollfds "
    "epev epev_out fdpair fdset"
)
_WITHOUT_ARGUMENT = frozenset((F["F_GETFD"], F["F_GETFL"], F["F_GETOWN"]))


def call_name(text: str) -> str:
    """The call that a log names: ``41``, ``SOCKET``, ``SYS_SOCKET``, ``CLOCK_GET_TIME``."""
    if text.isdigit():
        return syscall_name(decimal(text))
    name = canonical(text.lower().removeprefix("sys_"))
    if syscall_number(name) is None:
        squeezed = {known.replace("_", ""): known for known in _known()}
        name = squeezed.get(name.replace("_", ""), name)
    return name


def _known() -> tuple[str, ...]:
    return tuple(X86_64.syscalls)


def decode(name: str, registers: Sequence[int]) -> tuple[Value, ...]:
    """The arguments of call `name` from its registers."""
    prototype = params(name)
    if not prototype:
        return tuple(_unsigned(number) for number in registers[: _arity(name)])
    decoded: list[Value] = []
    for place, (param, number) in enumerate(zip(prototype, registers, strict=False)):
        if param.kind == "arg" and name == "fcntl" and registers[place - 1] in _WITHOUT_ARGUMENT:
            break
        decoded.append(_one(name, param, number, registers, place))
    return tuple(decoded)


def _one(name: str, param: Param, number: int, registers: Sequence[int], place: int) -> Value:
    if param.kind in _POINTERS:
        return Pointer(_unsigned(number))
    if param.kind == "optname":
        return spell("optname", _signed(number), registers[place - 1])
    if param.kind == "protocol":
        return spell("protocol", _signed(number), registers[0])
    if param.kind in _NAMED:
        return spell(param.kind, _signed(number))
    if param.kind == "arg":
        return _command_argument(name, registers[place - 1], number)
    return number if param.kind == "size" else _signed(number)


def _command_argument(name: str, command: int, number: int) -> Value:
    if name != "fcntl":
        return Pointer(_unsigned(number)) if number > 0xFFFF else number
    if command == F["F_SETFL"]:
        return spell("openflags", number)
    if command == F["F_SETFD"]:
        return Symbol("FD_CLOEXEC", 1) if number == 1 else number
    return _signed(number)


def _signed(number: int) -> int:
    """A register read as a C int."""
    number &= 0xFFFFFFFF
    return number - (1 << 32) if number >= 1 << 31 else number


def _unsigned(number: int) -> int:
    return number & 0xFFFFFFFFFFFFFFFF


def _arity(name: str) -> int:
    """How many arguments call `name` has, by python-ptrace's prototypes; 6 where it has none."""
    from ptrace.syscall.prototypes import SYSCALL_PROTOTYPES

    prototype = SYSCALL_PROTOTYPES.get(name)
    return len(prototype[1]) if prototype else 6
