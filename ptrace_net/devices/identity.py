"""Who ``eth0`` says it is: an Intel 82540EM, as ethtool(8), sysfs and lspci show it.

The values are those of the e1000 driver and of QEMU's device model.
"""

from dataclasses import dataclass

from ..stack.addresses import MAC, parse_mac


@dataclass(frozen=True, slots=True)
class Identity:
    """``struct ethtool_drvinfo`` and ``struct ethtool_link_settings``, and the PCI ids of sysfs."""

    driver: str
    version: str
    firmware: str
    bus_info: str
    vendor: int
    device: int
    speed: int  #: Mbit/s
    full_duplex: bool
    autoneg: bool
    mac: MAC


E1000 = Identity(
    driver="e1000", version="7.3.21-k8-NAPI", firmware="N/A", bus_info="0000:00:03.0", vendor=0x8086,
    device=0x100E, speed=1000, full_duplex=True, autoneg=True, mac=parse_mac("52:54:98:76:54:33"),
)


def derived_mac(base: MAC, number: int) -> MAC:
    """The address of another run on the same link: ``base``, its last two bytes moved on by ``number``."""
    low = (int.from_bytes(base[4:], "big") + number) & 0xFFFF
    return base[:4] + low.to_bytes(2, "big")
