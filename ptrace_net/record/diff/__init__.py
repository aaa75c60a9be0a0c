"""Two logs side by side: which call diverges first, and what else differs.

`steps` picks the calls that are about sockets, `tasks` says which task is which, `align` pairs their calls,
`compare` finds what differs in a pair, `report` puts it together and `text` prints it.
"""
