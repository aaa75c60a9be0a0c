"""The declaration form: a C struct as a value, instantiated as a construct for an architecture.

``Layout("iovec", "linux/uio.h", "...", Field("iov_base", pointer, "..."), ...)`` declares the fields once, in
the order of the header. For an architecture it gives the ``construct.Struct`` (with the padding that C would
put in), the offsets, and the fast form that ``fast`` derives from the same fields. Parsed values are named
tuples, so that they compare equal to what the fast form gives.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from typing import Any, NamedTuple

from ptrace_net.abi.arch import X86_64, Arch
from ptrace_net.abi.constants.table import Constants
from ptrace_net.abi.errors import AbiError
from ptrace_net.abi.fast import Fast
from ptrace_net.abi.kinds import CType, Pad


class Field(NamedTuple):
    """One member of a struct. ``values`` names its numbers; ``c`` is C's name where it differs."""

    name: str
    type: CType
    doc: str = ""
    values: Constants | None = None
    flags: bool = False  # the number is a set of flags from ``values``
    c: str | None = None  # "" where C has no name for it: a bit-field or a spelled-out hole


class Place(NamedTuple):
    """A field in an architecture: where it lies, how long it is, and what it means."""

    name: str
    offset: int
    size: int
    type: str
    order: str  # "<", ">" or "" where the question does not arise
    doc: str
    field: Field

    @property
    def end(self) -> int:
        return self.offset + self.size


def _aligned(offset: int, alignment: int) -> int:
    return (offset + alignment - 1) & -alignment


class Layout:
    """A C struct: declared once, instantiated for an architecture (``X86_64`` unless told otherwise)."""

    def __init__(
        self,
        name: str,
        header: str,
        doc: str,
        *fields: Field,
        c: str = "",
        packed: str | bool = False,
        like: Layout | None = None,
        calls: str = "",
        lengths: str = "",
        grows: bool = False,
    ) -> None:
        """Declare a struct.

        ``c`` is the C type where it is not ``struct name``; ``packed`` may name the flag of ``Arch`` that
        decides; ``like`` is a struct to be as large as; ``calls`` are those that use it, ``lengths`` what is
        known of minimum and usual lengths; ``grows`` says that newer kernels add fields at the end.
        """
        self.name = name
        self.header = header
        self.doc = doc
        self.members = fields
        self.c = c or f"struct {name}"
        self.packed = packed
        self.like = like
        self.calls = tuple(calls.split())
        self.lengths = lengths
        self.grows = grows

    def __repr__(self) -> str:
        return f"<layout {self.c} of {self.header}>"

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The fields that have a value, in order."""
        return tuple(field.name for field in self.members if not isinstance(field.type, Pad))

    @cached_property
    def values(self) -> Any:
        """The named tuple that ``parse`` returns."""
        return namedtuple(self.name, self.names)

    def is_packed(self, arch: Arch) -> bool:
        return bool(getattr(arch, self.packed)) if isinstance(self.packed, str) else self.packed

    @cache  # noqa: B019 - layouts are module constants and live as long as the program
    def fields(self, arch: Arch = X86_64) -> tuple[Place, ...]:
        """Every field with its offset, size, type, byte order and meaning."""
        packed, end = self.is_packed(arch), 0
        places = []
        for field in self.members:
            start = end if packed else _aligned(end, field.type.align(arch))
            size, order = field.type.size(arch), field.type.order(arch)
            places.append(Place(field.name, start, size, field.type.name, order, field.doc, field))
            end = start + size
        return tuple(places)

    @cache  # noqa: B019
    def align(self, arch: Arch = X86_64) -> int:
        """The alignment of the struct: that of its widest field, 1 where it is packed."""
        own = 1 if self.is_packed(arch) else max((f.type.align(arch) for f in self.members), default=1)
        return max(own, self.like.align(arch)) if self.like else own

    @cache  # noqa: B019
    def size(self, arch: Arch = X86_64) -> int:
        """The bytes of the struct, with the padding at its end."""
        end = max((place.end for place in self.fields(arch)), default=0)
        return _aligned(max(end, self.like.size(arch) if self.like else 0), self.align(arch))

    def order(self, arch: Arch = X86_64) -> str:
        return ""

    @cache  # noqa: B019
    def construct(self, arch: Arch = X86_64) -> Any:
        """The ``construct.Struct`` of this layout."""
        import construct

        parts, end = [], 0
        for place in self.fields(arch):
            if place.offset > end:
                parts.append(construct.Padding(place.offset - end))
            part = place.field.type.construct(arch)
            parts.append(part if isinstance(place.field.type, Pad) else place.name / part)
            end = place.end
        if self.size(arch) > end:
            parts.append(construct.Padding(self.size(arch) - end))
        return construct.Struct(*parts)

    def code(self, arch: Arch = X86_64) -> tuple[tuple[str, str], ...]:
        """(byte order, ``struct`` code) of every part, the padding included."""
        parts: list[tuple[str, str]] = []
        end = 0
        for place in self.fields(arch):
            if place.offset > end:
                parts.append(("", f"{place.offset - end}x"))
            parts.extend(place.field.type.code(arch))
            end = place.end
        if self.size(arch) > end:
            parts.append(("", f"{self.size(arch) - end}x"))
        return tuple(parts)

    @cache  # noqa: B019
    def fast(self, arch: Arch = X86_64) -> Fast:
        """The same layout at the speed of ``struct``: flat tuples, nested structs spread out."""
        return Fast(self.code(arch), arch.endian, lambda have: self.error(have, arch))

    def error(self, have: int, arch: Arch = X86_64) -> AbiError:
        """The error of ``have`` bytes, which are too few or too many."""
        size = self.size(arch)
        if have > size:
            return AbiError(self.name, "", size, f"{have - size} trailing bytes after its {size}")
        for place in self.fields(arch):
            if place.end > have:
                return AbiError(self.name, place.name, place.offset, f"truncated: {have} of {size} bytes")
        return AbiError(self.name, "", have, f"truncated in the padding: {have} of {size} bytes")

    def parse(self, data: bytes, arch: Arch = X86_64) -> Any:
        """The values in ``data``, which must be exactly as long as the layout.

        Raises:
            AbiError: too few or too many bytes.
        """
        if len(data) != self.size(arch):
            raise self.error(len(data), arch)
        return self.from_construct(self.construct(arch).parse(data), arch)

    def parse_prefix(self, data: bytes, arch: Arch = X86_64) -> dict[str, Any]:
        """The fields that ``data`` holds in full: what a getsockopt with a short length returned."""
        if len(data) >= self.size(arch):
            return dict(self.parse(bytes(data[: self.size(arch)]), arch)._asdict())
        whole = self.parse(bytes(data).ljust(self.size(arch), b"\0"), arch)
        ends = {place.name: place.end for place in self.fields(arch)}
        return {name: value for name, value in whole._asdict().items() if ends[name] <= len(data)}

    def build(self, values: Mapping[str, Any] | tuple[Any, ...] = (), arch: Arch = X86_64) -> bytes:
        """The bytes of ``values``: a mapping (what it lacks is zero, as in C) or a tuple in field order.

        Raises:
            AbiError: an unknown field, or a value that does not fit.
        """
        return bytes(self.construct(arch).build(self.to_construct(values, arch)))

    def from_construct(self, raw: Any, arch: Arch) -> Any:
        return self.values(*(f.type.from_construct(raw[f.name], arch) for f in self._valued))

    def to_construct(self, values: Any, arch: Arch) -> dict[str, Any]:
        if not isinstance(values, Mapping | tuple | list):
            raise AbiError(self.name, "", 0, f"{values!r} is neither a mapping nor a tuple")
        if not isinstance(values, Mapping):
            if values and len(values) != len(self.names):
                raise AbiError(self.name, "", 0, f"{len(values)} values for {len(self.names)} fields")
            values = dict(zip(self.names, values, strict=False))
        for name in values:
            if name not in self.names:
                raise AbiError(self.name, str(name), 0, "no such field")
        return {f.name: self._checked(f, values, arch) for f in self._valued}

    def read(self, data: bytes, arch: Arch = X86_64, offset: int = 0) -> Any:
        """The same values as ``parse`` gives, from ``offset`` on and without construct.

        Raises:
            AbiError: too few bytes; what follows is not looked at.
        """
        return self.gather(iter(self.fast(arch).unpack(data, offset)), arch)

    def gather(self, flat: Iterator[Any], arch: Arch) -> Any:
        """The named tuple of the flat values that the fast form gives."""
        return self.values(*[field.type.gather(flat, arch) for field in self._valued])

    def zero(self, arch: Arch) -> Any:
        return self.values(*(field.type.zero(arch) for field in self._valued))

    @cached_property
    def _valued(self) -> tuple[Field, ...]:
        return tuple(field for field in self.members if not isinstance(field.type, Pad))

    def _checked(self, field: Field, values: Mapping[str, Any], arch: Arch) -> Any:
        """The construct value of one field, tried on its own so that a misfit is blamed on it."""
        from construct import ConstructError

        value = values[field.name] if field.name in values else field.type.zero(arch)
        try:
            ready = field.type.to_construct(value, arch)
            field.type.construct(arch).build(ready)
        except AbiError:
            raise
        except (ConstructError, TypeError, ValueError, OverflowError) as error:
            offset = next(place.offset for place in self.fields(arch) if place.field is field)
            raise AbiError(
                self.name, field.name, offset, f"{value!r} does not fit {field.type.name}"
            ) from error
        return ready
