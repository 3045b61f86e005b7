"""`manage.py inspect`: what the header of a checkpoint on disk tells, without a database."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

from django.core.management.base import BaseCommand, CommandParser

from finetunes.checkpoints.errors import CheckpointError
from finetunes.checkpoints.header import Header, Tensor, read_header
from finetunes.checkpoints.inspection import Inspection, inspect
from finetunes.checkpoints.report import as_lines, as_record
from finetunes.checkpoints.verdict import check_usable


class Command(BaseCommand):
    help = "Reads the headers of .safetensors files: what they are, what they were trained for, and what would apply."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--json", action="store_true", dest="as_json", help="one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            # A list, so that every file is reported whatever the others are.
            readable = [self._report(file, options["as_json"]) for file in options["files"]]
            self.stdout.flush()
        except BrokenPipeError:
            _leave_pipe()
        if not all(readable):
            sys.exit(1)

    def _report(self, file: str, as_json: bool) -> bool:
        """Whether the file could be read."""
        # A name may hold bytes that are no text.
        shown = file.encode(errors="backslashreplace").decode()
        try:
            inspection, size = inspect_file(Path(file))
        except CheckpointError as error:
            self._write(
                _json(as_record(shown, None, error=error.message)) if as_json else f"{shown}\n  {error.message}"
            )
            return False
        refused = _refusal(inspection)
        record = as_record(shown, inspection, refused=refused)
        self._write(_json(record) if as_json else "\n".join([*as_lines(shown, size, inspection, refused), ""]))
        return True

    def _write(self, text: str) -> None:
        # A terminal that cannot show a character must not stop the report.
        encoding = getattr(self.stdout, "encoding", None) or "utf-8"
        self.stdout.write(text.encode(encoding, "replace").decode(encoding))


def inspect_file(path: Path) -> tuple[Inspection, int]:
    """(Inspection, size in bytes). Raises CheckpointError for all that cannot be read."""
    try:
        if path.is_dir():
            raise CheckpointError("This is a folder. Name the .safetensors files in it.")
        # Pipes and devices have no size, and opening one may wait for ever.
        if path.exists() and not path.is_file():
            raise CheckpointError("This is not a regular file.")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            header = read_header(file, size)
            return inspect(header, read_tensor=_reader(file, header), file_name=path.name), size
    except FileNotFoundError:
        raise CheckpointError("There is no such file.") from None
    except OSError as error:
        raise CheckpointError(f"This file cannot be read: {error.strerror or 'input failed'}.") from None


def _reader(file: IO[bytes], header: Header) -> Callable[[Tensor], bytes]:
    def read_tensor(tensor: Tensor) -> bytes:
        file.seek(header.data_start + tensor.begin)
        return file.read(tensor.end - tensor.begin)

    return read_tensor


def _refusal(inspection: Inspection) -> str | None:
    try:
        check_usable(inspection)
    except CheckpointError as error:
        return error.message
    return None


def _json(record: dict[str, Any]) -> str:
    return json.dumps(record, allow_nan=False)


def _leave_pipe() -> None:
    """The reader has gone, as `head` does: end without a word, and let the interpreter flush into nothing."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
