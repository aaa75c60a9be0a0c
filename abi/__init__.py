"""What the bytes are: layouts, constants and architectures of the Linux socket ABI; no behaviour.

A layout is a value that is declared once (``layout``, of the types in ``kinds``) and instantiated for an
architecture (``arch``): as a ``construct.Struct``, as offsets, and as ``struct`` calls for the hot paths.
The modules are named by header (``sockaddr``, ``msghdr``, ``in6``, ``if_packet``…). ``constants`` has the
tables of each header, ``sockopt`` a row for every socket option, ``cmsg`` one for every control message,
``ioctl`` one for every request; ``address``, ``cmsg`` and ``netlink.messages`` decode what no single struct
describes. ``AbiError`` is the only error that decoding raises. Nothing here imports construct before a layout
is parsed or built with it.
"""
