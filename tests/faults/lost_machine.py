"""Lose a machine in the midst of a run: python tests/faults/lost_machine.py

By hand, since it takes a minute. Two agents of `torchrun` stand for two machines. The second is
killed with all that it started; the first has to go on alone from the last whole epoch.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit")]

from test_team import folder_of_pictures  # noqa: E402

QUICK = "last_call_timeout=8,keep_alive_interval=1,keep_alive_max_attempt=2,join_timeout=60"
TRAIN = "--preset four-layer --batch-size 20 --device cpu --precision float32 --epochs 900".split()


def machine(folder: Path, port: int) -> subprocess.Popen:
    """Start an agent of torchrun with the command of docs/many-machines.md."""
    elastic = ["--nnodes=1:2", "--nproc-per-node=1", "--max-restarts=3", "--rdzv-id=run"]
    meet = ["--rdzv-backend=c10d", f"--rdzv-endpoint=localhost:{port}", f"--rdzv-conf={QUICK}"]
    run = ["--data", folder / "pictures", "--run-dir", folder / "run", "--go-on"]
    command = [sys.executable, "-m", "torch.distributed.run", *elastic, *meet]
    command += [ROOT / "train.py", *TRAIN, *run]
    home = {"ALEXNET_HOME": str(folder / "home"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        list(map(str, command)),
        env={**os.environ, **home, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def kill(agent: subprocess.Popen) -> None:
    """Switch a machine off: the agent, and the process that it started in a session of its own."""
    children = Path(f"/proc/{agent.pid}/task/{agent.pid}/children").read_text().split()
    for pid in (agent.pid, *map(int, children)):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    agent.wait()


def main() -> int:
    """Say what happened when; 0 where the run went on with one process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder_of_pictures(folder / "pictures")
        with socket.socket() as free:
            free.bind(("localhost", 0))
            port = free.getsockname()[1]
        began, first = time.monotonic(), machine(folder, port)
        time.sleep(1)  # the first hosts the meeting place
        second = machine(folder, port)
        together, killed, went_on = False, None, None
        try:
            for line in first.stdout:
                epoch = re.match(r"epoch +(\d+)/", line)
                together = together or "2 processes, each" in line
                if epoch and together and killed is None:
                    kill(second)
                    killed = time.monotonic()
                    print(f"killed after epoch {epoch[1]}", flush=True)
                if killed and "processes was 2, is 1" in line:
                    went_on = time.monotonic() - killed
                if went_on and epoch:
                    print(f"epoch {epoch[1]} by one process, {went_on:.0f} s later", flush=True)
                    return 0
                if not epoch:
                    print(f"{time.monotonic() - began:4.0f} s", line.rstrip()[:150], flush=True)
        finally:
            for agent in (first, second):
                if agent.poll() is None:
                    kill(agent)
    return 1


if __name__ == "__main__":
    sys.exit(main())
