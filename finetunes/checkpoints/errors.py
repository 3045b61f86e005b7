"""What is wrong with a checkpoint, said so that the person who uploaded it knows what to do."""

from dashboard.lib.errors import InvalidInputError


class CheckpointError(InvalidInputError):
    """The file cannot become a checkpoint."""

    def __init__(self, message: str) -> None:
        super().__init__(message, field="checkpoint")
