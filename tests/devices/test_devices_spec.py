"""`--device`, `--capture`, `--frames` and `--impair`: what is understood, and what is said of the rest."""

import pytest

from ptrace_net.devices import spec
from ptrace_net.devices.impairment import Impairment
from ptrace_net.devices.spec import CaptureSpec, DeviceSpec, ImpairSpec, Prefix
from ptrace_net.stack.addresses import parse_ip, parse_mac


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("eth0=none", DeviceSpec("eth0", "none")),
        ("eth0=tap:tap0", DeviceSpec("eth0", "tap", "tap0")),
        ("wan=hub:lab", DeviceSpec("wan", "hub", "lab")),
        ("eth0=stream:/run/a:b.sock,dhcp", DeviceSpec("eth0", "stream", "/run/a:b.sock", dhcp=True)),
        ("eth0=stream:[::1]:4000", DeviceSpec("eth0", "stream", "[::1]:4000")),
        (
            "eth0=tap:t,mtu=9000,mac=02:00:00:00:00:09,offload=off",
            DeviceSpec("eth0", "tap", "t", parse_mac("02:00:00:00:00:09"), 9000, offload=False),
        ),
        (
            "eth0=tap:t,address=10.9.0.2/24,address=fd09::2/64,address=10.1.1.1,gateway=10.9.0.1",
            DeviceSpec(
                "eth0", "tap", "t", gateways=(parse_ip("10.9.0.1"),),
                addresses=(
                    Prefix(parse_ip("10.9.0.2"), 24), Prefix(parse_ip("fd09::2"), 64),
                    Prefix(parse_ip("10.1.1.1"), 32),
                ),
            ),
        ),
    ],
)  # fmt: skip
def test_devices(text: str, value: DeviceSpec) -> None:
    assert spec.device(text) == value


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("eth0", "a device is NAME=tap:INTERFACE"), ("eth0=tap", "a device is"), ("eth0=none:x", "a dev"),
        ("eth0=wire:x", "a device is"), ("lo=none", "lo is always there"), ("=none", "a name of up to 15"),
        ("a/b=none", "a name of up to 15"), ("eth0=hub:../x", "a hub is called by"),
        ("eth0=none,speed=9", "options are address="), ("eth0=none,dhcp=yes", "options are"),
        ("eth0=none,mtu", "options are"), ("eth0=none,mtu=60", "from 68 to 65520"),
        ("eth0=none,mtu=x", "from 68"), ("eth0=none,mac=01:00:00:00:00:00", "single station"),
        ("eth0=none,mac=0", "hexadecimal"), ("eth0=none,mac=02:00", "not an Ethernet address"),
        ("eth0=none,address=10.0.0.1/33", "0 to 32"), ("eth0=none,address=x", "does not appear"),
        ("eth0=none,address=1.2.3.4/x", "invalid literal"), ("eth0=none,offload=no", "on or off"),
    ],
)  # fmt: skip
def test_devices_that_are_none(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as error:
        spec.device(text)
    assert str(error.value).startswith(text.partition(",")[0])


def test_captures() -> None:
    assert spec.capture("all.pcapng") == CaptureSpec("", "all.pcapng")
    assert spec.capture("lo=a=b.pcapng") == CaptureSpec("lo", "a=b.pcapng")
    assert spec.capture("./a=b.pcapng") == CaptureSpec("", "./a=b.pcapng")
    with pytest.raises(ValueError, match="a file is wanted"):
        spec.capture("lo=")


def test_impairments() -> None:
    assert spec.impair("eth0:delay=20ms,loss=1%") == ImpairSpec("eth0", Impairment(delay=0.02, loss=0.01))
    for text, said in (
        ("delay=20ms", "a device and what it does"), ("eth0:", "a device"), ("a/b:loss=1%", "a device"),
        ("eth0:speed=1", "unknown impairment 'speed'"), ("eth0:delay=1m", "unknown unit"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=said) as error:
            spec.impair(text)
        assert str(error.value).startswith(text)
