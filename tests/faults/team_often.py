"""Does a team of two processes always end well? python tests/faults/team_often.py [TIMES]

By hand, since once is no answer: before the processes ended their group's threads, about one run
in seven was aborted while Python ended. Importing torch would be most of a run, so this process
imports it once, and every run's two processes are copies of it, which end as Python ends.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # no pool of threads that a copy would lack

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "unit")]

import team_worker  # noqa: E402
import torch._dynamo  # noqa: E402, F401  DDP imports it
import torch.distributed as dist  # noqa: E402

IMAGES = 76  # 32 to train on: one step an epoch


def meeting_place() -> tuple[int, int]:
    """Start the store where a team meets, as `torchrun` does; give its process and its port."""
    read, write = os.pipe()
    server = os.fork()
    if server == 0:
        store = dist.TCPStore("localhost", 0, None, True, wait_for_workers=False)
        os.write(write, str(store.port).encode())
        signal.pause()
    port = int(os.read(read, 10))
    os.close(read)
    os.close(write)
    return server, port


def as_torchrun_starts(rank: int, port: int) -> dict[str, str]:
    """What `torchrun` tells a process of two about its team."""
    team = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": 2, "LOCAL_WORLD_SIZE": 2}
    team |= {"MASTER_ADDR": "localhost", "MASTER_PORT": port}
    team |= {"TORCHELASTIC_USE_AGENT_STORE": True, "TORCHELASTIC_RESTART_COUNT": 0}
    return {name: str(value) for name, value in team.items()}


def ending(child: int) -> str:
    """How a process ended: nothing if well, else its exit status or its signal."""
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return "" if code == 0 else signal.Signals(-code).name if code < 0 else f"exit {code}"


def main(times: int = 200) -> int:
    """Run so many, say how a process failed that did, and return how many runs failed."""
    folder = tempfile.mkdtemp()
    failures, began = 0, time.monotonic()
    for count in range(1, times + 1):
        server, port = meeting_place()
        team = []
        for rank in range(2):
            team.append(os.fork())
            if team[-1] == 0:  # the copy
                os.environ |= as_torchrun_starts(rank, port)
                team_worker.main(f"{folder}/found.pt", IMAGES)
                return 0  # and Python ends, which is the moment that is tested
        ends = list(filter(None, map(ending, team)))
        os.kill(server, signal.SIGKILL)
        os.waitpid(server, 0)
        failures += bool(ends)
        minutes = (time.monotonic() - began) / 60
        print(f"{count} runs, {failures} failed, {minutes:.1f} min", *ends, flush=True)
    shutil.rmtree(folder)
    return failures


if __name__ == "__main__":
    sys.exit(bool(main(*map(int, sys.argv[1:]))))
