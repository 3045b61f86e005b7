"""Files of plain forms on their way to the disk, which they may not fill."""

import os
import shutil
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadhandler import TemporaryFileUploadHandler

from finetunes.uploads import staging


class FormFileHandler(TemporaryFileUploadHandler):
    """Writes no more than a checkpoint may have, and no more than there is room for; whoever sent it.

    Django takes a form before anybody knows who it is from. The rest of such a file is read and let go; its `size`
    tells of all of it, so that the form can say what was wrong.
    """

    _is_cut: bool
    _folder: Path

    def receive_data_chunk(self, raw_data: bytes, start: int) -> Any:
        if self._is_cut or not self._has_room(start + len(raw_data)):
            self._is_cut = True
            return None
        return super().receive_data_chunk(raw_data, start)

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._is_cut = False
        self._folder = Path(self.file.temporary_file_path()).parent

    def _has_room(self, end: int) -> bool:
        free = shutil.disk_usage(self._folder).free
        return end <= settings.MAX_CHECKPOINT_BYTES and free > staging.RESERVE_BYTES + self.chunk_size


def is_cut(path: Path, size: int) -> bool:
    """Whether there was no room for all of a form's file of this size."""
    return os.stat(path).st_size < size
