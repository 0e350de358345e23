"""How long to wait before a request is tried again."""

import random


def pause_before(retry: int, first: float, longest: float) -> float:
    """Seconds to wait before a retry: twice as long each time, half of it random.

    The random half keeps those that failed together from coming back together (AWS Architecture
    Blog, "Exponential Backoff And Jitter", "equal jitter").

    Args:
        retry: 1 for the second try of a request, and so on.
        first: seconds before the second try, at most.
        longest: seconds before any try, at most.

    """
    return min(longest, first * 2.0 ** (retry - 1)) * random.uniform(0.5, 1.0)
