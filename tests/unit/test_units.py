from __future__ import annotations

import pytest

from runner.units import bytes_of, human_bytes, human_seconds, seconds


@pytest.mark.parametrize(
    ("written", "expected"),
    [("90s", 90), ("15m", 900), ("4h", 14400), ("7d", 604800), ("2w", 1209600), ("250ms", 0.25), ("1h30m", 5400),
     ("1.5h", 5400), ("30", 30), (30, 30), (0.5, 0.5), (" 5 m ", 300), (0, 0)],
)  # fmt: skip
def test_a_duration_is_read_in_seconds(written: str | float, expected: float) -> None:
    assert seconds(written) == expected


@pytest.mark.parametrize("written", ["", "soon", "-5", "5x", "m", "1h x", -1, True, "1h30", "5 5"])
def test_what_is_no_duration_is_refused(written: str | float) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        seconds(written)


@pytest.mark.parametrize(
    ("written", "expected"),
    [("64K", 65536), ("10M", 10485760), ("1.5GiB", 1610612736), ("5 MB", 5242880), ("7", 7), (7, 7), ("1k", 1024)],
)
def test_a_size_is_read_in_bytes(written: str | int, expected: int) -> None:
    assert bytes_of(written) == expected


@pytest.mark.parametrize("written", ["", "big", "-1", "5X", -1, True])
def test_what_is_no_size_is_refused(written: str | int) -> None:
    with pytest.raises(ValueError, match="not a size"):
        bytes_of(written)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.04, "0s"), (0.4, "0.4s"), (12, "12s"), (59.6, "1m"), (200, "3m 20s"), (14460, "4h 1m"), (183600, "2d 3h"),
     (7200, "2h")],
)  # fmt: skip
def test_seconds_are_shown_in_two_units_at_most(value: float, shown: str) -> None:
    assert human_seconds(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0, "0 B"), (512, "512 B"), (1536, "1.5 KiB"), (20 << 20, "20 MiB"), (3 << 40, "3 TiB")]
)
def test_bytes_are_shown_in_powers_of_1024(value: int, shown: str) -> None:
    assert human_bytes(value) == shown
