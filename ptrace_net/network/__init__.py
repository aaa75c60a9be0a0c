"""The network as programs see it: links, addresses, routes and neighbours of our stack, as values.

Netlink, the interface ioctls, /proc/net and /sys/class/net are all renderings of what is here. ``network``
reads the stack's interfaces, routes and caches; ``linking``, ``addressing``, ``routing`` and
``neighbouring`` change them; ``changes`` tells what has changed since.
"""
