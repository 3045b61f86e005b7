"""What the Playground's form would cost as it stands, and why it can't run."""

from dataclasses import dataclass

from dashboard.billing.queries import balance_of
from dashboard.lib.credits import as_text
from dashboard.organizations.models import Membership
from dashboard.organizations.roles import Permission, Role, may
from finetunes.queries.usage import Terms, terms_for
from playground.forms.generate import GenerateForm

NO_ROLE = "Your role, {role}, may look but not generate. Ask an Administrator of {organization} for another."
NO_MODEL = "Pick a model to see the price."
NO_SIZE = "This size has no price: sides of 64 px or more, 4 MP at most."
NO_CLOSED_SIZE = "This size has no price. {rule}"
NO_RATIO = "This aspect ratio has no price: use one between 21:9 and 9:21."
SHORT = "Not enough credits: ask the operator of this server to add some."
SHORT_FOR_ALL = "Not enough credits for {count} images; they last for {affordable}."
USED_UP = "{cap:,} of {cap:,} images of this finetune are used this month. The count starts again on {day:%-d %B}."
LEFT_FOR_FEWER = "Only {left:,} of {cap:,} images of this finetune are left this month: ask for fewer."


@dataclass(frozen=True)
class Reason:
    """Why it can't run, and the field to change, if one is to blame."""

    sentence: str
    field: str = ""
    is_credits: bool = False


@dataclass(frozen=True)
class Quote:
    """Prices in credits, as text; empty where there is none. Without a `reason` it can run.

    `allowance` is what is left of the month's images where a grant has a cap.
    """

    reason: Reason | None = None
    total_text: str = ""
    each_text: str = ""
    count: int = 1
    left_text: str = ""
    allowance: str = ""


def quote_of(form: GenerateForm, membership: Membership) -> Quote:
    """For the whole batch. What is only missing yet, a prompt for one, is no reason here: the page says it itself."""
    cost = form.cost()
    if cost is None:
        return Quote(_unpriced_reason(form))
    balance = balance_of(membership.organization)
    terms = _terms_of(form, membership)
    return Quote(
        reason=_role_reason(membership) or _cap_reason(form, terms) or _credits_reason(form, cost, balance),
        total_text=as_text(cost),
        each_text=as_text(cost // form.count_asked),
        count=form.count_asked,
        left_text=as_text(balance - cost) if balance >= cost else "",
        allowance=_allowance(terms),
    )


def _unpriced_reason(form: GenerateForm) -> Reason:
    if form.picked is None:
        return Reason(NO_MODEL, "model")
    if not form.size_rule:
        return Reason(NO_RATIO, "aspect_ratio")
    return Reason(NO_SIZE if form.may_follow_image else NO_CLOSED_SIZE.format(rule=form.size_rule), "width")


def _terms_of(form: GenerateForm, membership: Membership) -> Terms | None:
    finetune = form.picked.finetune if form.picked else None
    return terms_for(membership.organization, finetune) if finetune else None


def _role_reason(membership: Membership) -> Reason | None:
    if may(membership.role, Permission.GENERATE):
        return None
    return Reason(NO_ROLE.format(role=Role(membership.role).label, organization=membership.organization))


def _cap_reason(form: GenerateForm, terms: Terms | None) -> Reason | None:
    if terms is None or terms.monthly_cap is None:
        return None
    if terms.is_used_up:
        return Reason(USED_UP.format(cap=terms.monthly_cap, day=terms.renews_on), "model")
    left = terms.monthly_cap - terms.used
    if form.count_asked <= left:
        return None
    return Reason(LEFT_FOR_FEWER.format(left=left, cap=terms.monthly_cap), "count")


def _credits_reason(form: GenerateForm, cost: int, balance: int) -> Reason | None:
    if cost <= balance:
        return None
    affordable = balance // (cost // form.count_asked)
    if affordable < 1:
        return Reason(SHORT, is_credits=True)
    return Reason(SHORT_FOR_ALL.format(count=form.count_asked, affordable=affordable), "count", is_credits=True)


def _allowance(terms: Terms | None) -> str:
    if terms is None or terms.monthly_cap is None or terms.is_used_up:
        return ""
    return f"{terms.monthly_cap - terms.used:,} of {terms.monthly_cap:,} images of this finetune left this month"
