"""The commands over recordings and logs; each module has ``main(argv) -> int``."""
