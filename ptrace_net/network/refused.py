"""How a change of the network is refused: an errno, and the text of netlink's extended acknowledgement."""


class Refused(Exception):
    """``number`` is an errno; ``text`` is what Linux says beside it, "" where it says nothing.

    ``offset`` is where in a netlink message the attribute at fault is, ``missing`` the number of one that
    is not there.
    """

    def __init__(self, number: int, text: str = "", offset: int = 0, missing: int = 0) -> None:
        super().__init__(number, text)
        self.number = number
        self.text = text
        self.offset = offset
        self.missing = missing
