"""Check of the rate limiter by the arrival times of all messages. Exact on a busy machine too."""

#: Largest difference between the clock of stamps and that of the grid. A message this close to an instant of the grid
#: may fall on either side of it.
CLOCK_TOLERANCE_NS = 2_000_000


def require_rate_limited(arrivals_ns: list[int], passed_ns: list[int], interval_s: float) -> None:
    """Requires that of messages which arrived at `arrivals_ns` exactly those passed that the rate limit allows.

    These are the first one, which anchors a grid of instants, and the first at or after each instant of the grid.
    """
    interval_ns = round(interval_s * 1e9)
    passed = set(passed_ns)
    assert len(passed) == len(passed_ns), "a message was published twice"
    assert passed <= set(arrivals_ns), "a published message never arrived"
    anchor_ns = arrivals_ns[0]
    due_ns = anchor_ns
    for number, arrival_ns in enumerate(arrivals_ns):
        if arrival_ns in passed:
            assert arrival_ns >= due_ns - CLOCK_TOLERANCE_NS, f"message {number} passed too early"
            cells = (arrival_ns - anchor_ns + CLOCK_TOLERANCE_NS) // interval_ns
            due_ns = anchor_ns + (cells + 1) * interval_ns
        else:
            assert arrival_ns < due_ns + CLOCK_TOLERANCE_NS, f"message {number} was due and did not pass"
