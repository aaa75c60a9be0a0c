"""Every key misused: the error names file, line, key, and the word that was meant."""

import pytest

from ptrace_net.policies.policy import PolicyError, parse
from ptrace_net.policies.text import policy_text

MISUSE = [
    ("title = 3\n", "p.toml:1: title: one line of text is wanted"),
    ('title = "a\\nb"\n', "p.toml:1: title: one line"),
    ("extends = 3\n", "p.toml:1: extends: the name of a policy"),
    ('\nextends = "starri"\n', "p.toml:2: extends: starri: No such file or directory; did you mean starry"),
    ('extends = ["linux", 3]\n', "p.toml:1: extends: the name"),
    ('[familes]\nAF_INET = "ok"\n', "p.toml:1: familes: unknown key"),
    ('[familes]\nAF_INET = "ok"\n', "did you mean families?"),
    (
        '[families]\nAF_INET7 = "ok"\n',
        "p.toml:2: AF_INET7: 'AF_INET7' is no address family; did you mean AF_INET",
    ),
    ("families = 3\n", "p.toml:1: families: a table is wanted"),
    ("[families]\nAF_INET = 3\n", "p.toml:2: AF_INET: a behaviour is wanted as a string"),
    ('[families]\nAF_INET = "ignore"\n', "p.toml:2: AF_INET: 'ignore' makes no sense here"),
    ('[families]\nAF_INET = "error EIO"\n', "p.toml:2: AF_INET: 'error EIO' is no behaviour"),
    ('[families]\nAF_INET = "errno EIOO"\n', "'EIOO' is no errno; did you mean EIO?"),
    ('[families]\nAF_INET = "errno"\n', "'' is no errno"),
    ('[families]\nAF_INET = "ok now"\n', "'ok' takes nothing after it"),
    ('[families]\nAF_INET = "kill SIGNOT"\n', "'SIGNOT' is no signal"),
    ('[families]\nAF_INET = "panic {famly}"\n', "{famly} is no field of a panic"),
    ('[families]\nAF_INET = "panic {famly}"\n', "did you mean family?"),
    ('[families]\nAF_INET = "panic {"\n', "a brace itself is written twice"),
    ('[families]\nAF_INET = "panic {family:x}"\n', "is no field of a panic"),
    ('[families]\nAF_INET.SOCK_RAW = "ok"\n', "p.toml:2: AF_INET: no table here"),
    (
        '[types]\nSOCK_ROW = "ok"\n',
        "p.toml:2: SOCK_ROW: 'SOCK_ROW' is no type of socket; did you mean SOCK_RAW?",
    ),
    ('[types]\nSOCK_NONBLOCK = "ok"\n', "'SOCK_NONBLOCK' is no type of socket"),
    (
        '[protocols.AF_INET.SOCK_RAW]\nIPPROTO_ICMQ = "ok"\n',
        "p.toml:2: IPPROTO_ICMQ: 'IPPROTO_ICMQ' is no protocol",
    ),
    ('[calls]\nsendmsgs = "ok"\n', "p.toml:2: sendmsgs: 'sendmsgs' is no system call; did you mean sendmsg?"),
    ('[calls]\n"*" = "ok"\n', "p.toml:2: *: '*' is no system call"),
    ('[calls]\nlisten = "return x"\n', "'x' is no number to return"),
    ('[calls]\nlisten = "return -1"\n', "for a failure write errno NAME"),
    ('[flags.bind]\nMSG_PEEK = "ok"\n', "'bind' is no call with flags"),
    (
        '[flags.recvmsg]\nMSG_PEAK = "ok"\n',
        "p.toml:2: MSG_PEAK: 'MSG_PEAK' is no flag of recvmsg; did you mean MSG_PEEK?",
    ),
    ('[flags.recvmsg]\n3 = "ok"\n', "one flag, one bit"),
    (
        '[options.SOL_SOCKET]\nSO_REUSEPROT = "ok"\n',
        "p.toml:2: SO_REUSEPROT: 'SO_REUSEPROT' is no option of this level",
    ),
    ('[options.SOL_SOCKET]\nSO_REUSEPROT = "ok"\n', "did you mean SO_REUSEPORT?"),
    ('[options."*"]\nSO_TYPE = "ok"\n', "an option needs its level"),
    ('[options.SOL_SOCK]\n"*" = "ok"\n', "'SOL_SOCK' is no level"),
    (
        '[options.SOL_TCP.TCP_NODELAY]\nput = "ok"\n',
        "p.toml:2: put: 'put' is no way to use an option: known are set, get",
    ),
    ('[options.SOL_TCP.TCP_NODELAY.set]\nx = "ok"\n', "keys of options have 3 words at most"),
    ('[control.SOL_SOCKET]\nSCM_RIGHT = "ok"\n', "did you mean SCM_RIGHTS?"),
    ('[ioctls]\nSIOCGIFFLAG = "ok"\n', "'SIOCGIFFLAG' is no ioctl of sockets; did you mean SIOCGIFFLAGS?"),
    ('[netlink.NETLINK_ROUTE]\nRTM_GETLINKS = "ok"\n', "did you mean RTM_GETLINK?"),
    ('[netlink.NETLINK_ROUT]\n"*" = "ok"\n', "'NETLINK_ROUT' is no protocol of netlink"),
    ('[files]\n"proc" = "ok"\n', "p.toml:2: proc: 'proc': a path from the root is wanted"),
    ('[files."/proc"]\nread = "errno EIO"\n', "'read' is no way to use a file"),
    ('[files]\n"/proc" = "ignore"\n', "'ignore' makes no sense here"),
    ("provider = 3\n", "p.toml:1: provider: tables are wanted: [[provider]]"),
    ('[[provider]]\nuse = "stubs"\n', "p.toml:2: use: 'stubs' is no provider"),
    ('[[provider]]\nuse = "stub"\n', 'p.toml:2: use: a stub wants answer = "BEHAVIOUR"'),
    ('[[provider]]\nanswer = "errno EIO"\n', 'p.toml:2: answer: only use = "stub" has an answer'),
    ('[[provider]]\nuse = "kernel"\naddress = "::1"\n', "p.toml:2: use: with address or port no kernel"),
    ('[[provider]]\nuse = "run"\n\n[[provider]]\nfamly = "AF_INET"\n', "p.toml:5: famly: unknown key"),
    (
        '[[provider]]\nuse = "stub"\nanswer = "errno EIO"\naddress = "1.2.3"\n',
        "p.toml:4: address: '1.2.3' is not ADDRESS",
    ),
    (
        '[[provider]]\nuse = "stub"\nanswer = "errno EIO"\nport = "80-70"\n',
        "p.toml:4: port: '80-70': the last port",
    ),
    (
        '[[provider]]\nuse = "stub"\nanswer = "errno EIO"\nport = 80\ncalls = ["listen"]\n',
        "p.toml:5: calls: 'listen' is no",
    ),
    (
        '[[provider]]\nuse = "stub"\nanswer = "errno EIO"\ncalls = ["bind"]\n',
        "p.toml:4: calls: calls narrows address",
    ),
    ('[[provider]]\nfamily = "AF_INET7"\n', "p.toml:2: family: 'AF_INET7' is no address family"),
    ('[[provider]]\ntype = "SOCK_ROW"\n', "p.toml:2: type: 'SOCK_ROW' is no type of socket; did you mean"),
    ('[[provider]]\nprotocol = "IPPROTO_TCQ"\n', "p.toml:2: protocol: 'IPPROTO_TCQ' is no protocol"),
    ('[limits]\nsndbuf = "x"\n', "p.toml:2: sndbuf: a number from 0"),
    ("[limits]\nrcvbuf = 2147483648\n", "p.toml:2: rcvbuf: a number from 0"),
    ("[limits]\ndescriptors = 1.5\n", "p.toml:2: descriptors: a number from 0"),
    ('[[timeline]]\nlasts = "-1s"\ndown = true\n', "p.toml:2: lasts: '-1s' is no time"),
    ("[[provider]]\nprogram = 3\n", "p.toml:2: program: a string is wanted"),
    ("ports = 3\n", "p.toml:1: ports: a table of ports is wanted"),
    ('[ports]\n"80" = 8080\n"81" = 8080\n', "p.toml:3: 81: ports 80 and 81 are both 8080 on the host"),
    ('[ports]\n"80-82" = "90-91"\n', "p.toml:2: 80-82: both ranges must have as many ports"),
    ('[ports]\n"80000" = 80\n', "p.toml:2: 80000: '80000' is no port"),
    ('[ports]\n"0" = 80\n', "port 0 is any port"),
    ("[limits]\nbacklogs = 3\n", "p.toml:2: backlogs: unknown key"),
    ("[limits]\nbacklog = -1\n", "p.toml:2: backlog: a number from 0"),
    ("[limits]\nbacklog = true\n", "p.toml:2: backlog: a number from 0"),
    ('[limits]\nports = "x"\n', "p.toml:2: ports: 'x' is no port"),
    ("limits = 1\n", "p.toml:1: limits: a table is wanted"),
    ('inject = "connect:error=EIO"\n', "p.toml:1: inject: a list of rules is wanted"),
    ('inject = ["connect:eror=EIO"]\n', "'eror' is unknown"),
    ('inject = ["connect:eror=EIO"]\n', "did you mean error?"),
    ("inject = [3]\n", "p.toml:1: inject: a fault is wanted as a string"),
    ('inject = ["connect:addr=1.2.3:error=EIO"]\n', "addr: '1.2.3' is not ADDRESS/LENGTH"),
    ('inject = ["connect:error=EIO:port=x"]\n', "port: 'x' is no port"),
    ('inject = ["connect:error=EIO:fd=-1"]\n', "fd: '-1' is no descriptor"),
    ('inject = ["connect:error=EIO:probability=2"]\n', "probability: '2': a chance is from 0 to 1"),
    ('inject = ["connect:error=EIO:probability=x"]\n', "probability: 'x' is no chance"),
    ('inject = ["bind:short=3"]\n', "short= is for read, write"),
    ('inject = ["read:short=0"]\n', "short: '0' is no number of bytes"),
    ('inject = ["read:delay_exit=3h"]\n', "delay_exit: '3h' is no time"),
    ('inject = ["/(/:error=EIO"]\n', "is no regular expression"),
    ('inject = ["read:error=EIO:error=EIO"]\n', "error= stands twice"),
    ('lane = "fast"\n', "p.toml:1: lane: 'fast' is neither"),
    ("impair = 3\n", "p.toml:1: impair: a list of DEV:delay=20ms,loss=1% is wanted"),
    ('impair = ["eth0"]\n', "p.toml:1: impair: 'eth0' is not DEV:delay=20ms,loss=1%"),
    ('[[timeline]]\nimpair = ["eth0:"]\n', "p.toml:2: impair: 'eth0:' is not"),
    ('seed = "x"\n', "p.toml:1: seed: a number is wanted"),
    ("timeline = 3\n", "p.toml:1: timeline: tables are wanted"),
    ("[[timeline]]\nafter = 3\n", "p.toml:1: timeline: nothing happens"),
    ('[[timeline]]\nafter = "x"\ndown = true\n', "p.toml:2: after: 'x' is no time"),
    ("[[timeline]]\ndown = 3\n", "p.toml:2: down: true or false is wanted"),
    ("[[timeline]]\ndown = true\nlast = 3\n", "p.toml:3: last: unknown key; known are after, lasts"),
    ('[[timeline]]\ninject = ["x"]\n', "p.toml:2: inject: 'x' is no system call"),
]


@pytest.mark.parametrize(("text", "said"), MISUSE)
def test_misuse_names_file_line_and_key(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(text, "p.toml")
    assert str(caught.value).startswith("p.toml:")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_key_has_a_misuse() -> None:
    from ptrace_net.policies.policy import KEYS

    misused = {key for key in KEYS for text, _ in MISUSE if text.lstrip("[\n").startswith(key)}
    assert misused | {"serve", "map"} == set(KEYS)  # those two: test_policy.py


def test_a_circle(tmp_path) -> None:
    one, two = tmp_path / "one.toml", tmp_path / "two.toml"
    one.write_text(f'extends = "{two}"\n')
    two.write_text(f'extends = "{one}"\n')
    with pytest.raises(PolicyError, match="in a circle"):
        parse(one.read_text(), str(one))


COMPOSED = [
    # base, later, what comes out: the later one decides wherever it says something
    ('[families]\nAF_INET = "errno EIO"\n', '[families]\nAF_INET = "ok"\n', '[families]\nAF_INET = "ok"\n'),
    (
        '[options.SOL_TCP]\nTCP_NODELAY = "ignore"\n',
        '[options]\nSOL_TCP = "ok"\n',
        '[options]\nSOL_TCP = "ok"\n',
    ),
    (
        '[options]\nSOL_TCP = "ignore"\n',
        '[options.SOL_TCP]\nTCP_CORK = "ok"\n',
        '[options.SOL_TCP]\n"*" = "ignore"\nTCP_CORK = "ok"\n',
    ),
    ("[limits]\nbacklog = 3\nsndbuf = 4\n", "[limits]\nbacklog = 9\n", "[limits]\nbacklog = 9\nsndbuf = 4\n"),
    ('[ports]\n"80" = 81\n', '[ports]\n"80" = 82\n"90" = 91\n', '[ports]\n"80" = 82\n"90" = 91\n'),
    (
        'inject = ["bind:error=EIO"]\n',
        'inject = ["listen:error=EIO"]\n',
        'inject = ["bind:error=EIO", "listen:error=EIO"]\n',
    ),
    (
        '[[provider]]\nuse = "run"\n',
        '[[provider]]\nuse = "kernel"\n',
        '[[provider]]\nuse = "kernel"\n[[provider]]\nuse = "run"\n',
    ),
]


@pytest.mark.parametrize(("base", "later", "whole"), COMPOSED)
def test_later_policies_win(base: str, later: str, whole: str) -> None:
    def shown(policy):
        return [line.partition("  #")[0] for line in policy_text(policy).splitlines()]

    assert shown(parse(later, "b", parse(base, "a"))) == shown(parse(whole, "c"))
