"""What goes wrong in this room."""


class CompressError(ValueError):
    """A compression that cannot be done as asked; the message says what would work."""
