"""`--device`, `--capture`, `--frames` and `--impair`: the links of a run (the forms: ``devices.spec``)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ptrace_net.devices import spec
from ptrace_net.devices.spec import CaptureSpec, DeviceSpec, ImpairSpec


class Links(NamedTuple):
    """What packets are to pass."""

    devices: tuple[DeviceSpec, ...]
    captures: tuple[CaptureSpec, ...]
    impairs: tuple[ImpairSpec, ...]
    traces: tuple[CaptureSpec, ...] = ()

    def seeded(self, seed: int) -> Links:
        """With ``seed`` for the impairments that have none of their own."""
        seeded = [each._replace(impairment=each.impairment.seeded(seed)) for each in self.impairs]
        return self._replace(impairs=tuple(seeded))


def links(
    net: str, devices: Sequence[str], captures: Sequence[str], impairs: Sequence[str], traces: Sequence[str]
) -> Links:
    """The values of the options; ValueError with a sentence where one makes no sense."""
    if net == "host":
        raise ValueError("--device, --capture, --frames and --impair concern our own stack: --net stack")
    return Links(
        tuple(map(spec.device, devices)), tuple(map(spec.capture, captures)),
        tuple(map(spec.impair, impairs)), tuple(map(spec.capture, traces)),
    )  # fmt: skip
