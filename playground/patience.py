"""How long a job waits before its provider hears of it again, and when that is given up."""

import random
from datetime import timedelta

from playground.providers.base import ProviderError

# With delays of 1, 2, 4 … 32 seconds: a provider may be away for a minute.
MAX_ATTEMPTS = 7
FIRST_PAUSE = timedelta(seconds=1)
# A busy provider has not tried the job, so its answers do not count as attempts: the job waits in line, for so long.
BUSY_PATIENCE = timedelta(minutes=30)
LONGEST_PAUSE = timedelta(seconds=30)
# A provider could ask for a day; its callers wait.
LONGEST_ASKED = timedelta(minutes=5)
POLL_PAUSE = timedelta(seconds=0.25)
LATE_POLL_PAUSE = timedelta(seconds=2)
LATE_AFTER = timedelta(seconds=30)


def pause_before_next(error: ProviderError, *, attempts: int, waited: timedelta) -> timedelta | None:
    """None where there will be no next time. `waited` is the age of the job."""
    if error.permanent:
        return None
    if error.is_busy:
        # In step with the age; with jitter, so that all that wait do not come back at once.
        pause: timedelta = min(max(FIRST_PAUSE, waited / 4), LONGEST_PAUSE) * random.uniform(0.5, 1)
        return max(pause, asked_for(error)) if waited < BUSY_PATIENCE else None
    if attempts >= MAX_ATTEMPTS:
        return None
    return max(FIRST_PAUSE * float(2 ** (attempts - 1)), asked_for(error))


def pause_before_poll(error: ProviderError | None, *, ran: timedelta) -> timedelta:
    """Who has `ran` long is asked less often, and so is a provider that does not answer."""
    if error:
        return max(LATE_POLL_PAUSE, asked_for(error))
    return LATE_POLL_PAUSE if ran > LATE_AFTER else POLL_PAUSE


def asked_for(error: ProviderError) -> timedelta:
    """What the provider asked to be left alone for, within reason."""
    return min(timedelta(seconds=error.retry_after or 0), LONGEST_ASKED)
