"""How many tasks of an organization's API keys may be active at once."""

from collections.abc import Sequence

from django.conf import settings

from dashboard.lib.errors import TooManyError
from playground.models import Generation, TaskLimit
from playground.queries.activity import count_active

EVERYWHERE = ""
TOO_MANY = (
    "Too many active tasks: {active} of your organization's are unfinished{where}, and {most} may be. Wait until one "
    "ends, then send this again; the operator of this server can allow more."
)


class TooManyTasksError(TooManyError):
    """As many tasks as may be are active."""

    code = "too_many_active_tasks"


def check_active(new: Sequence[Generation]) -> None:
    """Raises TooManyTasksError where these, of one caller on one endpoint, would be too many beside those there are.

    Those that people ask for in the Playground neither count nor are held back: a grid alone has up to 36, and the page
    shows them. What a key asked for counts until it ends; where an operator deletes the key itself, no longer.
    """
    caller, endpoint = new[0].organization, new[0].endpoint
    if new[0].api_key_id is None:
        return
    chosen = _chosen_limits(new[0])
    everywhere, here = count_active(caller, endpoint.name)
    most = chosen.get(EVERYWHERE, settings.MAX_ACTIVE_TASKS)
    most_here = chosen.get(endpoint.name, endpoint.most_active)
    if most_here is not None and here + len(new) > most_here:
        raise TooManyTasksError(TOO_MANY.format(active=here, where=f" on {endpoint.name}", most=most_here))
    if everywhere + len(new) > most:
        raise TooManyTasksError(TOO_MANY.format(active=everywhere, where="", most=most))


def _chosen_limits(new: Generation) -> dict[str, int]:
    """By endpoint, where an operator chose for this caller."""
    rows = TaskLimit.objects.filter(organization=new.organization, endpoint_name__in=[EVERYWHERE, new.endpoint_name])
    return dict(rows.values_list("endpoint_name", "most"))
