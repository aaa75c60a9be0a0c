"""What can be tuned, with the names and defaults of tcp(7) and /proc/sys/net/ipv4 where there are any."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TcpConfig:
    """Times in seconds, sizes in bytes."""

    rcvbuf: int = 1 << 20
    sndbuf: int = 1 << 20
    max_rcvbuf: int = 6 << 20  #: decides the window scale, as tcp_rmem[2] does
    window_scaling: bool = True
    timestamps: bool = True
    sack: bool = True
    congestion: str = "cubic"
    syn_retries: int = 6
    synack_retries: int = 5
    retries: int = 15
    orphan_retries: int = 8
    min_rto: float = 0.2
    delayed_ack: float = 0.04
    quick_acks: int = 16
    cork_time: float = 0.2
    time_wait: float = 60.0
    fin_timeout: float = 60.0
    keepalive_time: float = 7200.0
    keepalive_interval: float = 75.0
    keepalive_probes: int = 9
    max_syn_backlog: int = 256
    syn_cookies: bool = True
    invalid_ratelimit: float = 0.5  #: between two challenge ACKs of one connection
    challenge_limit: int = 1000  #: challenge ACKs per second, all connections together (RFC 5961, 10)

    @property
    def wscale(self) -> int:
        """The smallest shift with which the largest receive buffer fits in 16 bits."""
        return min(14, max(0, self.max_rcvbuf.bit_length() - 16))
