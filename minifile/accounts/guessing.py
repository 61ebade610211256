"""How often a visitor may ask for a name that is somebody's."""

from collections.abc import Iterator
from contextlib import contextmanager

from minifile.errors import Taken
from minifile.services.rate_limits import TAKEN_NAMES
from minifile.web.current import current_rates, visitor_network


@contextmanager
def few_taken() -> Iterator[None]:
    """Count a name or an address that is taken, as "taken" says who has an account.

    Raises TooManyTries. What is not taken is not counted once it is known.
    """
    rates, who = current_rates(), visitor_network()
    rates.take(TAKEN_NAMES, who)
    is_taken = False
    try:
        yield
    except Taken:
        is_taken = True
        raise
    finally:
        if not is_taken:
            rates.give_back(TAKEN_NAMES, who)
