"""When a failed call is tried again."""

from datetime import timedelta
from itertools import count, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from panelr_bridge.outcomes import Misconfigured, NotSent, Outcome, Throttled, Unknown
from panelr_bridge.retry import delay
from panelr_bridge.settings import Settings

SCHEDULE = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10800.0)
NOT_SENT = NotSent(words="")
UNKNOWN = Unknown(words="")
MISCONFIGURED = Misconfigured(words="")


def seconds(attempt: int, outcome: Outcome = NOT_SENT, jitter: float = 0.0) -> float | None:
    wait = delay(attempt=attempt, outcome=outcome, schedule=SCHEDULE, jitter=jitter)
    return None if wait is None else wait.total_seconds()


def test_the_schedule_is_that_of_the_settings() -> None:
    assert Settings().retry_schedule_seconds == SCHEDULE


@pytest.mark.parametrize("outcome", [NOT_SENT, UNKNOWN, Throttled(words="")])
def test_the_waits_follow_the_schedule_and_its_last_step_repeats(outcome: Outcome) -> None:
    assert [seconds(attempt, outcome) for attempt in range(1, 10)] == [
        *(5, 30, 120, 600, 1800, 3600, 10800, 10800, 10800)
    ]


def test_a_wrong_key_is_tried_slowly_from_the_start() -> None:
    assert [seconds(attempt, MISCONFIGURED) for attempt in range(1, 7)] == [120, 600, 1800, 3600, 10800, 10800]


# 6,155 s of shorter steps, then 56 of three hours reach seven days
@pytest.mark.parametrize(("attempt", "wait"), [(1, 5), (62, 10800), (63, None), (64, None), (1000, None)])
def test_after_seven_days_of_waiting_it_is_given_up(attempt: int, wait: float | None) -> None:
    assert seconds(attempt) == wait


@pytest.mark.parametrize("outcome", [UNKNOWN, MISCONFIGURED, Throttled(words="", retry_after=5)])
def test_every_outcome_is_given_up_in_the_end(outcome: Outcome) -> None:
    assert seconds(63, outcome) is None


@pytest.mark.parametrize(
    ("retry_after", "wait"), [(0, 1), (0.5, 1), (1, 1), (7.5, 7.5), (3600, 3600), (3601, 3600), (999999999, 3600)]
)
@pytest.mark.parametrize("attempt", [1, 7, 62])
def test_a_retry_after_is_kept_as_it_is_within_an_hour(attempt: int, retry_after: float, wait: float) -> None:
    assert seconds(attempt, Throttled(words="", retry_after=retry_after), jitter=1.0) == wait


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 30.0), (0.5, 31.5), (1.0, 33.0)])
def test_jitter_lengthens_the_wait_by_a_tenth_at_most(jitter: float, wait: float) -> None:
    assert seconds(2, jitter=jitter) == pytest.approx(wait)


@pytest.mark.parametrize("outcome", [NOT_SENT, MISCONFIGURED])
def test_a_schedule_of_one_step_repeats_it(outcome: Outcome) -> None:
    waits = [delay(attempt=attempt, outcome=outcome, schedule=[0.1]) for attempt in (1, 2, 500)]
    assert waits == [timedelta(seconds=0.1)] * 3


@given(
    schedule=st.lists(st.floats(3600, 10**6), min_size=1, max_size=8),
    outcome=st.sampled_from([NOT_SENT, UNKNOWN, MISCONFIGURED, Throttled(words="", retry_after=3)]),
    jitter=st.floats(0, 1),
)
def test_waiting_ends_once_seven_days_have_added_up_and_not_before(
    schedule: list[float], outcome: Outcome, jitter: float
) -> None:
    attempts = list(
        takewhile(
            lambda attempt: delay(attempt=attempt, outcome=outcome, schedule=schedule, jitter=jitter) is not None,
            count(1),
        )
    )
    by_schedule = [schedule[min(attempt, len(schedule)) - 1] for attempt in attempts]
    assert sum(by_schedule[:-1]) < 7 * 24 * 3600 <= sum(by_schedule) + 1e-3
