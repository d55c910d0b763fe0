"""A Jupyter kernel as a test wants it: run a cell, press stop, restart, read what was shown."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from typing import Any, NamedTuple

from jupyter_client import KernelManager

READY_S, CELL_S = 180, 300
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


class Shown(NamedTuple):
    """What a cell has brought: bundles in their order, the name of its error, or "", its words."""

    bundles: list[dict[str, Any]]
    error: str
    told: str = ""

    @property
    def text(self) -> str:
        """All words that a reader sees, without remarks that hold for one moment only."""
        return "".join(bundle.get("text/plain", "") for bundle in self.bundles)


class Kernel:
    """One kernel of this Python, started in a folder."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.manager = KernelManager(kernel_name="python3")
        self.manager.start_kernel(cwd=str(folder), env={**os.environ, **environment})
        self._connect()

    def _connect(self) -> None:
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=READY_S)

    def restart(self) -> None:
        """Kernel > Restart: everything is forgotten."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def close(self) -> None:
        """End it."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def run(self, source: str, stop_after: tuple[str, float] | None = None) -> Shown:
        """Run a cell to its end.

        Args:
            stop_after: press stop so many seconds after the first message of this type.
        """
        request = self.client.execute(source)
        bundles, error, told, self._due = [], "", "", None
        for message in self._messages(request):
            kind, content = message["msg_type"], message["content"]
            if stop_after and kind == stop_after[0]:
                self._due, stop_after = time.monotonic() + stop_after[1], None
            if kind == "stream":
                bundles.append({"text/plain": content["text"]})
            elif kind in ("display_data", "execute_result"):
                if not content["metadata"].get("volatile"):
                    bundles.append(content["data"])
            elif kind == "error":
                error, told = content["ename"], "\n".join(content["traceback"])
        return Shown(bundles, error, told)

    def _messages(self, request: str) -> Iterator[dict]:
        """What the kernel says about a cell; stop is pressed once, when it is due."""
        deadline = time.monotonic() + CELL_S
        while time.monotonic() < deadline:
            if self._due is not None and time.monotonic() >= self._due:
                self.manager.interrupt_kernel()
                self._due = None
            try:
                message = self.client.get_iopub_msg(timeout=0.02 if self._due else 1)
            except Empty:
                continue
            if message["parent_header"].get("msg_id") != request:
                continue
            if message["content"].get("execution_state") == "idle":
                return
            yield message
        raise TimeoutError(f"a cell took more than {CELL_S} s")


@contextmanager
def kernel(folder: Path, **environment: str) -> Iterator[Kernel]:
    """A kernel for the time of a block."""
    started = Kernel(folder, **environment)
    try:
        yield started
    finally:
        started.close()
