"""Watches how long requests take, by operation: an estimate for the next, and a sign of hidden
queues.
"""

_SMOOTHING = 0.1
_BASELINE_DRIFT = 0.002
_QUEUEING_FACTOR = 2.5
_FIRST_ESTIMATE = 0.1
_MIN_SAMPLES = 20


class LatencyWatch:
    """Smoothed times per operation against the best level seen.

    Concurrent writes to one table can queue on the server without any 429; then more threads only
    make every request slower.
    """

    def __init__(self) -> None:
        self._smoothed: dict[str, float] = {}
        self._baseline: dict[str, float] = {}
        self._samples: dict[str, int] = {}

    def observe(self, operation: str, seconds: float) -> None:
        """Take in one measured time."""
        before = self._smoothed.get(operation)
        smoothed = seconds if before is None else before + _SMOOTHING * (seconds - before)
        self._smoothed[operation] = smoothed
        self._samples[operation] = self._samples.get(operation, 0) + 1
        baseline = self._baseline.get(operation, smoothed)
        drifted = baseline + _BASELINE_DRIFT * (smoothed - baseline)
        self._baseline[operation] = min(smoothed, drifted)

    def expect(self, operation: str) -> float:
        """The time the next request of this operation will probably take."""
        return self._smoothed.get(operation, _FIRST_ESTIMATE)

    @property
    def is_queueing(self) -> bool:
        """Whether some operation has become much slower than it was at its best."""
        return any(
            smoothed > _QUEUEING_FACTOR * self._baseline[operation]
            for operation, smoothed in self._smoothed.items()
            if self._samples[operation] >= _MIN_SAMPLES
        )
