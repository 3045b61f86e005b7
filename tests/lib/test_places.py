"""Places: as many at work as there are, a few in line, and everybody else sent away at once."""

import threading
import time

import pytest

from dashboard.lib.places import BusyError, Places


def test_who_finds_no_place_in_time_is_sent_away_and_leaves_none_taken() -> None:
    places = Places(1, "Later.", in_line=2, seconds=0.05)
    with places.take(), pytest.raises(BusyError), places.take():
        pass
    with places.take():
        pass


def test_who_stands_in_line_follows() -> None:
    places = Places(1, "Later.", in_line=2, seconds=5)
    done = threading.Event()

    def work() -> None:
        with places.take():
            done.set()

    with places.take():
        other = threading.Thread(target=work)
        other.start()
        assert not done.wait(0.1)
    other.join(5)
    assert done.is_set()


def test_behind_the_line_nobody_waits() -> None:
    places = Places(1, "Later.", in_line=1, seconds=60)
    begin = time.monotonic()
    with places.take(), pytest.raises(BusyError), places.take():
        pass
    assert time.monotonic() - begin < 1


def test_one_alone_never_has_all_the_places() -> None:
    places = Places(3, "Later.", of_one=2)
    with places.take(1), places.take(1):
        with pytest.raises(BusyError), places.take(1):
            pass
        with places.take(2):
            pass
    with places.take(1), places.take(1):
        pass
