"""Credits in integers: 1 credit is 1,000 millicredits and US$0.01."""

MILLI = 1000


def from_credits(credits: int) -> int:
    return credits * MILLI


def as_number(millicredits: int) -> float:
    """For the wire, which gives credits as a float (`1.4`)."""
    return millicredits / MILLI


def as_text(millicredits: int) -> str:
    """For people: no needless zeros, thousands separated (`1,204.5`)."""
    whole, part = divmod(abs(millicredits), MILLI)
    fraction = f".{part:03d}".rstrip("0").rstrip(".")
    return f"{'−' if millicredits < 0 else ''}{whole:,}{fraction}"
