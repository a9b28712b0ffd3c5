"""What time it is: the system's, or what a test has written down."""

import time
from datetime import UTC, datetime

from settings import settings


def now() -> int:
    """Unix seconds."""
    if settings.clock_file is None:
        return int(time.time())
    return int(settings.clock_file.read_text())


def today() -> datetime:
    """The same as a date with its zone."""
    return datetime.fromtimestamp(now(), UTC)
