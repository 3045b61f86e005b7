"""What `up` prints once, when the server answers."""

from collections.abc import Sequence

from django.conf import settings

from dashboard.demo import Demo
from dashboard.organizations.roles import Role

STOP = "Ctrl-C stops."


def banner(demo: Demo | None) -> str:
    env = settings.ENV
    upstream = ("Upstream", env.upstream_url) if env.BFL_API_URL else ("Sandbox", env.sandbox_url)
    lines = ["", f"Finetunes Dashboard is ready at {settings.BASE_URL}", ""]
    if demo is not None:
        lines += [*describe(demo), ""]
    lines += _columns([upstream, ("Data", str(settings.DATA_DIR))])
    return "\n".join([*(f"  {line}".rstrip() for line in lines), "", f"  {STOP}", ""])


def describe(demo: Demo) -> list[str]:
    """The accounts and keys of the demo, for a person at a terminal."""
    names = {each["org_id"]: each["name"] for each in demo["organizations"]}
    people = [(user["email"], Role(user["role"]).label, names[user["org_id"]]) for user in demo["users"]]
    keys = [(each["name"], each["api_key"], f"organization ID {each['org_id']}") for each in demo["organizations"]]
    lines = [f"Demo accounts, each with the password {demo['users'][0]['password']}", *_indented(people)]
    lines += ["", "API keys, sent as x-key", *_indented(keys)]
    if operator := demo.get("operator"):
        place = f"{settings.BASE_URL}/admin/"
        lines += ["", "Operator", *_indented([(operator["email"], f"password {operator['password']}", place)])]
    return lines


def _indented(rows: Sequence[tuple[str, ...]]) -> list[str]:
    return [f"  {line}" for line in _columns(rows)]


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
