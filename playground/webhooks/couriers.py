"""The threads that deliver webhooks, in each process of a worker.

They are none of Celery's: a receiver that takes its 30 seconds must hold up no image. Nor does one organization with
slow receivers hold up the others: it never has more than a few of them at work.
"""

import logging
import threading
from collections import Counter
from datetime import datetime

from django.db import connections
from django.utils import timezone

from playground.signals import webhook_due
from playground.webhooks import delivery
from playground.webhooks.delivery import Claim

log = logging.getLogger(__name__)

MOST = 16
MOST_OF_ONE = 4
# A retry that is due later is the sweeper's to find.
SOON_SECONDS = 60


class Couriers:
    """Each takes one webhook after the other, and goes when there is none left for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.count = 0
        self.at_work: Counter[int] = Counter()

    def wake(self) -> None:
        """One more, if anything is due and there is room. They die with the process, and leave a lease that ends."""
        if not delivery.is_any_due():
            return
        with self.lock:
            if self.count >= MOST:
                return
            self.count += 1
        threading.Thread(target=self._work, name="webhook-courier", daemon=True).start()

    def _work(self) -> None:
        try:
            while claim := self._next():
                self._carry(claim)
        finally:
            connections.close_all()

    def _next(self) -> Claim | None:
        """Under the lock, so that whoever is woken while the last one goes finds either it or room for another."""
        claim = None
        with self.lock:
            try:
                busy = [organization for organization, count in self.at_work.items() if count >= MOST_OF_ONE]
                claim = delivery.claim(busy)
            except Exception:  # a database that is away; the sweeper comes again
                log.exception("no webhook could be claimed")
            if claim:
                self.at_work[claim.webhook.organization_id] += 1
            else:
                self.count -= 1
        return claim

    def _carry(self, claim: Claim) -> None:
        try:
            next_at = delivery.record(claim, delivery.post(claim.webhook))
            if next_at:
                self._announce(next_at)
        except Exception:  # its lease ends, and it is tried again
            log.exception("the delivery of webhook %s could not be recorded", claim.webhook.pk)
        finally:
            with self.lock:
                self.at_work[claim.webhook.organization_id] -= 1

    def _announce(self, next_at: datetime) -> None:
        seconds = (next_at - timezone.now()).total_seconds()
        if seconds < SOON_SECONDS:
            webhook_due.send_robust(None, seconds=max(0.0, seconds))


couriers = Couriers()
