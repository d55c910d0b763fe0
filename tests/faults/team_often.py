"""Does a team of two processes always end well? python tests/faults/team_often.py [TIMES]

By hand, since once is no answer: before the processes ended their group's threads, about one run
in seven was aborted while Python ended.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]
WORKER = ROOT / "tests" / "unit" / "team_worker.py"
IMAGES = 76  # 32 to train on: one step an epoch


def run(folder: str) -> subprocess.CompletedProcess:
    """One training by two processes, of one thread each."""
    start = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    return subprocess.run(
        [sys.executable, *start, WORKER, f"{folder}/found.pt", str(IMAGES)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


def main(times: int = 200) -> int:
    """Run so many, say each failure's last words, and return how many failed."""
    failures, began = 0, time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for count in range(1, times + 1):
            done = run(folder)
            if done.returncode:
                failures += 1
                print(done.stderr[-3000:])
            minutes = (time.monotonic() - began) / 60
            print(f"{count} runs, {failures} failed, {minutes:.1f} min", flush=True)
    return failures


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
