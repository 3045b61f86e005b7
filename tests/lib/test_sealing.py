"""Sealed secrets: opened by the key that sealed them, and by nothing else."""

import pytest
from pytest_django.fixtures import Settings

from dashboard.lib.sealing import BrokenSealError, seal, unseal

SECRET = "JBSWY3DPEHPK3PXP"


def test_what_was_sealed_is_read_again() -> None:
    assert unseal(seal(SECRET)) == SECRET
    assert unseal(seal("")) == ""


def test_sealed_text_shows_nothing_and_is_never_the_same() -> None:
    assert SECRET not in seal(SECRET)
    assert seal(SECRET) != seal(SECRET)


def test_another_key_opens_nothing(settings: Settings) -> None:
    sealed = seal(SECRET)
    settings.SECRET_KEY = "another key that is as long as they should be"
    with pytest.raises(BrokenSealError):
        unseal(sealed)


@pytest.mark.parametrize("text", ["", "plain", "gAAAAA", "ü"])
def test_what_was_never_sealed_is_refused(text: str) -> None:
    with pytest.raises(BrokenSealError):
        unseal(text)


def test_a_changed_letter_breaks_the_seal() -> None:
    sealed = seal(SECRET)
    changed = sealed[:20] + ("A" if sealed[20] != "A" else "B") + sealed[21:]
    with pytest.raises(BrokenSealError):
        unseal(changed)
