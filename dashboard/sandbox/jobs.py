"""Jobs of the sandbox, kept in memory: what they are is written once, how far they are follows from the clock."""

import threading
import time
from dataclasses import dataclass
from typing import Any

from dashboard.bfl.endpoints import Endpoint
from dashboard.bfl.schemas import Result, Status
from dashboard.sandbox.painter import Picture

KEPT_SECONDS = 900
PRUNE_SECONDS = 30


@dataclass(frozen=True)
class Job:
    """One submission that was accepted; times in epoch seconds, cost in millicredits."""

    id: str
    endpoint: Endpoint
    picture: Picture
    prompt: str
    submitted: float
    ends: float
    status: Status
    details: dict[str, Any] | None
    sample_url: str
    cost: int

    def result(self, now: float) -> Result:
        if now < self.ends:
            return Result(id=self.id, status=Status.PENDING)
        ready = self._sample() if self.status is Status.READY else None
        return Result(id=self.id, status=self.status, result=ready, details=self.details)

    def _sample(self) -> dict[str, Any]:
        return self.endpoint.sample.made(
            sample=self.sample_url, prompt=self.prompt, seed=self.picture.seed, begin=self.submitted, end=self.ends
        ).model_dump()


class Jobs:
    """All jobs of the last minutes, and what the finished ones cost. Safe to use from many threads."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._spent = 0
        self._pruned = time.time()

    def add(self, job: Job) -> None:
        with self._lock:
            self._jobs[job.id] = job
            if job.status is Status.READY:
                self._spent += job.cost
            if job.submitted - self._pruned > PRUNE_SECONDS:
                self._prune(job.submitted)

    def get(self, job_id: str) -> Job | None:
        with self._lock:
            job = self._jobs.get(job_id)
        return job if job and time.time() < job.ends + KEPT_SECONDS else None

    @property
    def spent(self) -> int:
        """Millicredits of all jobs that are Ready or will be."""
        with self._lock:
            return self._spent

    def _prune(self, now: float) -> None:
        self._jobs = {key: job for key, job in self._jobs.items() if now < job.ends + KEPT_SECONDS}
        self._pruned = now
