"""The one exception of this package that a command turns into a line for the user."""


class RecordError(Exception):
    """A file that cannot be read, is not what it should be, or asks for what cannot be done."""
