"""One closing line: which of the forty faults were tried, and how that ended."""

import re
from collections import defaultdict
from typing import Any

FAULTS = {f"F{number:02}" for number in range(1, 41)}
KINDS = ("failed", "error", "passed", "skipped")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Count by fault: failed if any of its tests failed, skipped if none of them ran."""
    outcomes, reasons = defaultdict(set), {}
    for kind in KINDS:
        for report in terminalreporter.stats.get(kind, []):
            name = report.nodeid.rpartition("::")[2].partition("[")[0]
            for number in re.findall(r"(?<=_f)\d\d(?=_)", name):
                outcomes[f"F{number}"].add(kind)
                if kind == "skipped":
                    words = report.longrepr[2] if isinstance(report.longrepr, tuple) else ""
                    reasons[f"F{number}"] = words.removeprefix("Skipped: ")
    if outcomes:
        terminalreporter.write_line(closing_line(outcomes, reasons))


def closing_line(outcomes: dict[str, set[str]], reasons: dict[str, str]) -> str:
    """The counts in words; a fault of which only a part was skipped counts as passed."""
    ended = {"failed": [], "passed": [], "skipped": []}
    for fault, kinds in sorted(outcomes.items()):
        bad = kinds & {"failed", "error"}
        ended["failed" if bad else "passed" if "passed" in kinds else "skipped"].append(fault)
    counts = ", ".join(f"{len(faults)} {kind}" for kind, faults in ended.items())
    parts = [
        f"{fault}{'' if fault in ended['skipped'] else ' in part'}: {why}"
        for fault, why in sorted(reasons.items())
    ]
    told = [f"failed: {', '.join(ended['failed'])}"] * bool(ended["failed"])
    told += [f"skipped {'; '.join(parts)}"] * bool(parts)
    covered = len(FAULTS & outcomes.keys())
    return f"faults: {covered} of {len(FAULTS)} covered: {'; '.join([counts, *told])}"
