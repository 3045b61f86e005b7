"""The finetunes a sandbox answers for: those it was given, and those it has seen in use."""

import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from dashboard.bfl.endpoints import Endpoint

WELL_FORMED = re.compile(r"(?:[A-Za-z0-9_-]{1,64}/)?[a-z0-9_-]{1,128}")


@dataclass
class Seen:
    """One finetune; the endpoint is the last that it was called on."""

    created: float
    endpoint: Endpoint | None = None


class Finetunes:
    def __init__(self, finetune_ids: Iterable[str], *, only_known: bool) -> None:
        self.only_known = only_known
        self._lock = threading.Lock()
        self._seen = {finetune_id: Seen(time.time()) for finetune_id in finetune_ids}

    def use(self, finetune_id: str, endpoint: Endpoint) -> bool:
        """Notes a call. False where the id is malformed, or unknown while only known ones count."""
        with self._lock:
            if finetune_id not in self._seen:
                if self.only_known or not WELL_FORMED.fullmatch(finetune_id):
                    return False
                self._seen[finetune_id] = Seen(time.time())
            self._seen[finetune_id].endpoint = endpoint
            return True

    def ids(self) -> list[str]:
        with self._lock:
            return list(self._seen)

    def details(self, finetune_id: str) -> dict[str, Any] | None:
        """What can be told without a catalog: base model and precision are those of the last call."""
        with self._lock:
            seen = self._seen.get(finetune_id)
        if seen is None:
            return None
        return {
            "name": finetune_id.rpartition("/")[2],
            "base_model": seen.endpoint.base_model if seen.endpoint else None,
            "precision": seen.endpoint.precision if seen.endpoint else None,
            "source": "Third party" if "/" in finetune_id else "Owned",
            "created_at": seen.created,
        }
