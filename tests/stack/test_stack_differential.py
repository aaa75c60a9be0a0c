"""The same segments and calls to our stack and to the Linux kernel: the same answers.

Each scenario returns what was answered, step by step; Linux is the oracle.  One known difference has none:
Linux drops data that comes with a SYN-ACK, where RFC 9293 lets us keep it.
"""

from collections.abc import Callable

import pytest
from kernel_peer import Near, Ours, kernels
from test_stack_kernel import REFUSED

from ptrace_net.stack.tcp.segment import ACK, FIN, PSH, RST, SYN

pytestmark = pytest.mark.skipif(bool(REFUSED), reason=REFUSED)

Scenario = Callable[[Near], list[object]]
SCENARIOS: list[Scenario] = []


def scenario(function: Scenario) -> Scenario:
    SCENARIOS.append(function)
    return function


def opened(near: Near) -> list[object]:
    """Three-way handshake."""
    near.listen()
    steps: list[object] = [near.send(SYN, 0, 0), near.send(ACK, 1, 1)]
    near.accept()
    return steps


@scenario
def closed_port(near: Near) -> list[object]:
    return [near.send(flags, 5, 9) for flags in (SYN, ACK, SYN | ACK, FIN | ACK, RST, RST | ACK, PSH, 0)]


@scenario
def listening_port(near: Near) -> list[object]:
    near.listen()
    return [near.send(flags, 5, 9) for flags in (ACK, SYN | ACK, RST, FIN | ACK)]


@scenario
def repeated_syn(near: Near) -> list[object]:
    near.listen()
    return [near.send(SYN, 0, 0), near.send(SYN, 0, 0), near.send(ACK, 1, 1), near.send(SYN, 0, 0)]


@scenario
def bad_acknowledgment_in_the_handshake(near: Near) -> list[object]:
    near.listen()
    return [near.send(SYN, 0, 0), near.send(ACK, 1, 70), near.send(ACK, 1, 1)]


@scenario
def reset_in_the_handshake(near: Near) -> list[object]:
    near.listen()
    return [near.send(SYN, 0, 0), near.send(RST, 1, 0), near.send(ACK, 1, 1)]


@scenario
def data_in_order_and_again(near: Near) -> list[object]:
    steps = opened(near)
    steps += [near.send(ACK | PSH, 1, 1, b"hello"), near.send(ACK | PSH, 1, 1, b"hello")]
    return [*steps, near.send(ACK, 3, 1, b"llo world"), near.read()]


@scenario
def data_out_of_order(near: Near) -> list[object]:
    steps = opened(near)
    steps += [near.send(ACK, 6, 1, b"world"), near.send(ACK, 6, 1, b"world"), near.read()]
    return [*steps, near.send(ACK, 1, 1, b"hello"), near.read()]


@scenario
def fin_out_of_order(near: Near) -> list[object]:
    steps = opened(near)
    steps += [near.send(ACK | FIN, 6, 1, b"world"), near.send(ACK, 1, 1, b"hello"), near.read(), near.read()]
    return [*steps, near.close(), near.send(ACK, 12, 2)]


@scenario
def segment_without_ack(near: Near) -> list[object]:
    return [*opened(near), near.send(PSH, 1, 0, b"data"), near.read()]


@scenario
def exact_reset(near: Near) -> list[object]:
    return [*opened(near), near.send(RST, 1, 0), near.read(), near.send(ACK, 1, 1)]


@scenario
def reset_in_the_window(near: Near) -> list[object]:
    return [*opened(near), near.send(RST, 100, 0), near.send(ACK, 1, 1, b"alive"), near.read()]


@scenario
def reset_outside_the_window(near: Near) -> list[object]:
    return [
        *opened(near),
        near.send(RST, -100, 0),
        near.send(RST, 900_000, 0),
        near.send(ACK, 1, 1, b"alive"),
    ]


@scenario
def syn_in_the_window(near: Near) -> list[object]:
    return [*opened(near), near.send(SYN, 50, 0), near.send(ACK, 1, 1, b"alive"), near.read()]


@scenario
def acknowledgment_of_the_future(near: Near) -> list[object]:
    return [*opened(near), near.send(ACK, 1, 500), near.send(ACK, 1, 500, b"data"), near.read()]


@scenario
def data_beyond_the_window(near: Near) -> list[object]:
    return [*opened(near), near.send(ACK, 900_000, 1, b"far"), near.send(ACK, 1, 1, b"near"), near.read()]


@scenario
def they_close_first(near: Near) -> list[object]:
    steps = [*opened(near), near.send(FIN | ACK, 1, 1), near.read(), near.send(FIN | ACK, 1, 1)]
    steps += [near.write(b"late"), near.send(ACK, 2, 5), near.close()]
    return [*steps, near.send(ACK, 2, 6), near.send(ACK, 2, 6)]


@scenario
def we_close_first(near: Near) -> list[object]:
    steps = [*opened(near), near.shutdown(), near.send(ACK, 1, 2), near.send(ACK, 1, 2, b"half"), near.read()]
    steps += [near.send(FIN | ACK, 5, 2), near.send(FIN | ACK, 5, 2), near.close()]
    return [*steps, near.send(FIN | ACK, 5, 2), near.send(ACK, 6, 2)]


@scenario
def fin_with_its_acknowledgment(near: Near) -> list[object]:
    return [*opened(near), near.shutdown(), near.send(FIN | ACK, 1, 2), near.send(FIN | ACK, 1, 2)]


@scenario
def both_close_at_once(near: Near) -> list[object]:
    steps = [*opened(near), near.shutdown(), near.send(FIN | ACK, 1, 1)]
    return [*steps, near.send(ACK, 2, 2), near.send(FIN | ACK, 1, 2)]


@scenario
def reset_while_closing(near: Near) -> list[object]:
    return [*opened(near), near.shutdown(), near.send(RST, 1, 0), near.send(ACK, 1, 2)]


@scenario
def data_for_nobody(near: Near) -> list[object]:
    return [*opened(near), near.close(), near.send(ACK, 1, 2, b"late"), near.send(ACK, 5, 2)]


@scenario
def closing_with_unread_data(near: Near) -> list[object]:
    return [*opened(near), near.send(ACK, 1, 1, b"unread"), near.close(), near.send(ACK, 7, 1)]


@scenario
def a_new_connection_after_time_wait(near: Near) -> list[object]:
    steps = [*opened(near), near.shutdown(), near.send(FIN | ACK, 1, 2), near.send(SYN, 1, 0)]
    return [*steps, near.send(SYN, 500_000, 0)]


@scenario
def reset_in_time_wait(near: Near) -> list[object]:
    steps = [*opened(near), near.shutdown(), near.send(FIN | ACK, 1, 2)]
    return [*steps, near.send(RST, 2, 0), near.send(FIN | ACK, 1, 2)]


@scenario
def data_is_sent_again(near: Near) -> list[object]:
    return [*opened(near), near.write(b"data"), near.wait(0.3), near.send(ACK, 1, 5), near.wait(0.3)]


@scenario
def fin_is_sent_again(near: Near) -> list[object]:
    return [*opened(near), near.write(b"data"), near.send(ACK, 1, 5), near.shutdown(), near.wait(0.3)]


@scenario
def duplicate_acknowledgments(near: Near) -> list[object]:
    steps = [*opened(near), near.write(bytes(536 * 6)), near.send(ACK, 1, 537)]
    return [*steps, *(near.send(ACK, 1, 537) for _ in range(3)), near.send(ACK, 1, 536 * 6 + 1)]


@scenario
def nagle(near: Near) -> list[object]:
    steps = [*opened(near), near.write(b"a"), near.write(b"b"), near.write(b"c")]
    return [*steps, near.send(ACK, 1, 2), near.send(ACK, 1, 4)]


@scenario
def zero_window(near: Near) -> list[object]:
    steps = [*opened(near), near.send(ACK, 1, 1, window=0), near.write(b"data"), near.wait(0.3)]
    return [*steps, near.send(ACK, 1, 1, window=1000)]


@scenario
def small_window(near: Near) -> list[object]:
    steps = [*opened(near), near.send(ACK, 1, 1, window=700), near.write(bytes(2000))]
    return [*steps, near.send(ACK, 1, 537, window=700), near.send(ACK, 1, 1073, window=2000)]


@scenario
def active_open(near: Near) -> list[object]:
    return [near.connect(), near.send(SYN | ACK, 0, 1), near.write(b"hello"), near.send(ACK, 1, 6)]


@scenario
def active_open_refused(near: Near) -> list[object]:
    return [
        near.connect(),
        near.send(RST | ACK, 0, 7),
        near.send(RST, 0, 0),
        near.send(RST | ACK, 0, 1),
        near.send(ACK, 1, 1),
    ]


@scenario
def active_open_with_a_wrong_acknowledgment(near: Near) -> list[object]:
    return [near.connect(), near.send(SYN | ACK, 0, 9), near.send(ACK, 0, 9), near.send(SYN | ACK, 0, 1)]


@scenario
def simultaneous_open(near: Near) -> list[object]:
    return [near.connect(), near.send(SYN, 0, 0), near.send(SYN | ACK, 0, 1), near.write(b"x")]


@scenario
def keep_alive_probes(near: Near) -> list[object]:
    steps = [*opened(near), near.send(ACK, 0, 1), near.wait(0.6), near.send(ACK, 0, 1, b"x")]
    return [*steps, near.send(ACK, 1, 1, b"alive"), near.read()]


@scenario
def syn_with_fin_or_reset(near: Near) -> list[object]:
    near.listen()
    return [near.send(SYN | RST, 0, 0), near.send(SYN | FIN, 0, 0), near.send(SYN | FIN | ACK, 0, 4)]


@scenario
def data_with_the_syn(near: Near) -> list[object]:
    near.listen()
    steps: list[object] = [near.send(SYN, 0, 0, b"early"), near.send(ACK, 1, 1)]
    near.accept()
    return [*steps, near.read(), near.send(ACK, 1, 1, b"early"), near.read()]


@scenario
def data_with_the_last_ack_of_the_handshake(near: Near) -> list[object]:
    near.listen()
    steps: list[object] = [near.send(SYN, 0, 0), near.send(ACK | PSH, 1, 1, b"hello")]
    near.accept()
    return [*steps, near.read()]


@scenario
def fin_with_the_last_ack_of_the_handshake(near: Near) -> list[object]:
    near.listen()
    steps: list[object] = [near.send(SYN, 0, 0), near.send(ACK | FIN, 1, 1, b"hello")]
    near.accept()
    return [*steps, near.read(), near.read(), near.close(), near.send(ACK, 7, 2)]


@scenario
def data_after_their_fin(near: Near) -> list[object]:
    return [
        *opened(near),
        near.send(FIN | ACK, 1, 1),
        near.send(ACK, 2, 1, b"more"),
        near.read(),
        near.read(),
    ]


@scenario
def reset_with_acknowledgment_and_data(near: Near) -> list[object]:
    return [*opened(near), near.send(RST | ACK, 1, 1, b"bye"), near.read(), near.send(ACK, 1, 1)]


@scenario
def reset_in_the_last_ack(near: Near) -> list[object]:
    steps = [*opened(near), near.send(FIN | ACK, 1, 1), near.close()]
    return [*steps, near.send(RST, 2, 0), near.send(ACK, 2, 2)]


@scenario
def a_half_closed_connection_still_receives(near: Near) -> list[object]:
    steps = [*opened(near), near.send(ACK, 1, 1, b"unread"), near.shutdown(), near.send(ACK, 7, 2, b"more")]
    return [*steps, near.read(), near.close(), near.send(FIN | ACK, 11, 2)]


@scenario
def giving_up_an_open(near: Near) -> list[object]:
    return [near.connect(), near.close(), near.send(SYN | ACK, 0, 1), near.send(RST | ACK, 0, 1)]


@scenario
def only_a_syn_for_an_open(near: Near) -> list[object]:
    return [near.connect(), near.send(SYN, 0, 0), near.close(), near.send(SYN | ACK, 0, 1)]


@scenario
def urgent_flag_and_odd_flags(near: Near) -> list[object]:
    steps = [*opened(near), near.send(ACK | 0xC0, 1, 1, b"ecn"), near.read()]
    return [*steps, near.send(ACK | FIN | PSH, 4, 1), near.read()]


@scenario
def overlapping_pieces(near: Near) -> list[object]:
    steps = [
        *opened(near),
        near.send(ACK, 5, 1, b"efgh"),
        near.send(ACK, 9, 1, b"ijkl"),
        near.send(ACK, 3, 1, b"cdefghij"),
    ]
    return [*steps, near.send(ACK, 1, 1, b"abcd"), near.read()]


@scenario
def window_narrowed_and_widened(near: Near) -> list[object]:
    steps = [*opened(near), near.send(ACK, 1, 1, b"x", window=1000), near.write(bytes(3000))]
    return [*steps, near.send(ACK, 2, 537, window=2000), near.send(ACK, 2, 1073, window=60000)]


@scenario
def fin_after_data_that_does_not_fit(near: Near) -> list[object]:
    steps = [*opened(near), near.send(ACK, 1, 1, b"x", window=600), near.write(bytes(1000)), near.shutdown()]
    return [*steps, near.send(ACK, 2, 537, window=600), near.send(ACK, 2, 1001), near.send(ACK, 2, 1002)]


@scenario
def a_lost_segment_among_many(near: Near) -> list[object]:
    steps = [*opened(near), near.write(bytes(536 * 8))]
    steps += [near.send(ACK, 1, 536 * 2 + 1), *(near.send(ACK, 1, 536 * 2 + 1) for _ in range(5))]
    return [*steps, near.send(ACK, 1, 536 * 8 + 1), near.write(b"next")]


@pytest.mark.parametrize("play", SCENARIOS, ids=lambda function: function.__name__)
def test_as_linux(play: Scenario) -> None:
    with kernels() as linux:
        expected = play(linux)
    assert play(Ours()) == expected
