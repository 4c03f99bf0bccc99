"""What thinning must let pass, told from when every message arrived. Exact, however busy the machine is."""

#: By how much the clocks of stamps and of the grid may disagree. Messages so near to an instant of the grid can fall
#: on either side of it.
CLOCKS_NS = 2_000_000


def require_rate_limited(arrivals_ns, passed_ns, interval_s):
    """Of messages that arrived then, these passed: the first one, and the first at or after each instant of the
    grid that it anchors."""
    interval_ns = round(interval_s * 1e9)
    passed = set(passed_ns)
    assert len(passed) == len(passed_ns), "one came twice"
    assert passed <= set(arrivals_ns), "one came that never arrived"
    anchor_ns = arrivals_ns[0]
    due_ns = anchor_ns
    for number, arrival_ns in enumerate(arrivals_ns):
        if arrival_ns in passed:
            assert arrival_ns >= due_ns - CLOCKS_NS, f"message {number} was let pass too early"
            cells = (arrival_ns - anchor_ns + CLOCKS_NS) // interval_ns
            due_ns = anchor_ns + (cells + 1) * interval_ns
        else:
            assert arrival_ns < due_ns + CLOCKS_NS, f"message {number} was due and left out"
