"""The commands over recordings and logs: ``show``, ``diff``, ``replay``; each module has ``main(argv) ->
int``.
"""
