"""How long to wait before the next attempt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["Backoff"]

_FIRST: Final = 1.0
_MOST: Final = 60.0
# Seconds after which a server counts as healthy, and its earlier failures no longer.
_HEALTHY: Final = 60.0


@dataclass(frozen=True, slots=True)
class Backoff:
    """Failures in a row. The delay is 1 s after the first and doubles up to a minute."""

    failures: int = 0

    @property
    def delay(self) -> float:
        # Bounded before the power: a server may fail for weeks.
        return 0.0 if self.failures == 0 else min(_MOST, _FIRST * 2.0 ** min(self.failures - 1, 10))

    def failed(self, after: float) -> Backoff:
        """The next state, when something failed that had been healthy for `after` seconds."""
        return Backoff(1 if after >= _HEALTHY else self.failures + 1)
