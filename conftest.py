"""For tests and notebooks: one torch thread, no learner's file, a dead kernel is seen at once."""

import os
import time
from queue import Empty
from typing import Any

# Tests and notebooks run side by side: with one thread each, none waits for another's.
# Set before torch is imported; kernels and other processes inherit it. A number given stands.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# No test reads or writes what a learner has done; tests of that file set a folder of their own.
os.environ["ALEXNET_PROGRESS"] = "off"


def pytest_configure(config: Any) -> None:
    """Let nbval look at its kernel once a second while it waits for a message."""
    if not config.pluginmanager.hasplugin("nbval"):
        return
    from nbval.kernel import RunningKernel

    wait = RunningKernel.get_message

    def get_message(self: Any, stream: str, timeout: float | None = None) -> Any:
        deadline = time.monotonic() + float(timeout or 1e9)
        while True:
            try:
                return wait(self, stream, timeout=1)
            except Empty:
                if not self.is_alive():
                    raise RuntimeError("The kernel died while a cell ran.") from None
                if time.monotonic() > deadline:
                    raise

    RunningKernel.get_message = get_message
