"""How much memory is free."""

from pathlib import Path


def available_memory() -> int | None:
    """Return the bytes that the system has free; None where it does not say."""
    try:
        lines = Path("/proc/meminfo").read_text("ascii").splitlines()
    except OSError:
        return None
    free = (line.split()[1] for line in lines if line.startswith("MemAvailable:"))
    return int(next(free)) * 1024
