"""How much memory a process has."""

from pathlib import Path


def megabytes(pid: int | str, name: str) -> float:
    """What Linux tells of a process: VmRSS is its memory now, VmHWM the most it has had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ValueError(name)
