"""One line about long work: rewritten in place on a terminal, printed now and then elsewhere."""

import sys
import time


class Progress:
    """Reports on ``total`` steps of which ``done`` lie behind; ``every`` is the pause between lines in seconds."""

    def __init__(self, name: str, total: int, done: int = 0, every: float = 10.0) -> None:
        self.name, self.total, self.first = name, total, done
        self.terminal = sys.stderr.isatty()
        self.every = 0.2 if self.terminal else every
        self.started = self.last = time.monotonic()

    def report(self, done: int, values: dict[str, float] | None = None) -> None:
        """Say how far the work is, if a line is due."""
        now = time.monotonic()
        if now - self.last < self.every and done < self.total:
            return
        self.last = now
        rate = (done - self.first) / max(now - self.started, 1e-9)
        shown = "  ".join(f"{name} {value:.4f}" for name, value in (values or {}).items())
        left = _clock((self.total - done) / rate) if rate > 0 else "?"
        line = f"{self.name}  {done}/{self.total}  {shown}  {rate:.2f}/s  {left} left"
        end = "\n" if not self.terminal or done == self.total else ""
        start = "\r\x1b[K" if self.terminal else ""
        print(start + line, end=end, file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
