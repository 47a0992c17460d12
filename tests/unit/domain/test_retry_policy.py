"""When a failed call is tried again."""

from datetime import timedelta

import pytest

from panelr_bridge.domain.call_outcome import Blocked, Misconfigured, NotSent, Outcome, Throttled, Unknown
from panelr_bridge.domain.retry_policy import retry_delay
from panelr_bridge.settings import Settings

SCHEDULE = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10800.0)
NOT_SENT = NotSent(words="")
UNKNOWN = Unknown(words="")
MISCONFIGURED = Misconfigured(words="")
BLOCKED = Blocked(words="")


WEEK = timedelta(days=7)


def seconds(
    attempt: int, outcome: Outcome = NOT_SENT, jitter: float = 0.0, owed_for: timedelta = timedelta(0)
) -> float | None:
    wait = retry_delay(attempt=attempt, outcome=outcome, schedule=SCHEDULE, jitter=jitter, owed_for=owed_for)
    return None if wait is None else wait.total_seconds()


def test_the_schedule_is_that_of_the_settings() -> None:
    assert Settings().retry_schedule_seconds == SCHEDULE


@pytest.mark.parametrize("outcome", [NOT_SENT, UNKNOWN])
def test_the_waits_follow_the_schedule_and_its_last_step_repeats(outcome: Outcome) -> None:
    assert [seconds(attempt, outcome) for attempt in range(1, 10)] == [
        *(5, 30, 120, 600, 1800, 3600, 10800, 10800, 10800)
    ]


@pytest.mark.parametrize("outcome", [MISCONFIGURED, BLOCKED])
def test_a_wrong_key_and_a_blocked_request_are_tried_slowly_from_the_start(outcome: Outcome) -> None:
    assert [seconds(attempt, outcome) for attempt in range(1, 7)] == [120, 600, 1800, 3600, 10800, 10800]


def test_a_pause_without_a_length_is_an_hour_at_most() -> None:
    assert [seconds(attempt, Throttled(words="")) for attempt in (1, 4, 6, 7, 100)] == [5, 600, 3600, 3600, 3600]


@pytest.mark.parametrize("outcome", [NOT_SENT, UNKNOWN, MISCONFIGURED, BLOCKED, Throttled(words="", retry_after=5)])
def test_what_has_been_owed_for_seven_days_is_given_up_however_often_it_was_tried(outcome: Outcome) -> None:
    for attempt in (1, 62, 1000):
        assert seconds(attempt, outcome, owed_for=WEEK - timedelta(seconds=1)) is not None
        assert seconds(attempt, outcome, owed_for=WEEK) is None


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
    waits = [retry_delay(attempt=attempt, outcome=outcome, schedule=[0.1]) for attempt in (1, 2, 500)]
    assert waits == [timedelta(seconds=0.1)] * 3
