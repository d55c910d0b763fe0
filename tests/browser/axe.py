"""What axe-core finds in our own widgets; JupyterLab's interface around them is not ours.

`npm install --prefix .venv/axe axe-core` brings it; without it nothing is looked for.
"""

from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).parents[2] / ".venv" / "axe" / "node_modules" / "axe-core" / "axe.min.js"
OURS = (".alexnet-explorer", ".alexnet-board", ".alexnet-frame", ".alexnet-predict")
_RUN = """async (ours) => {
  const include = ours.filter((one) => document.querySelector(one)).map((one) => [one]);
  if (!include.length) return [];
  const told = await axe.run({include}, {resultTypes: ["violations"]});
  const bad = told.violations.filter((one) => ["serious", "critical"].includes(one.impact));
  return bad.map((one) => `${one.id} (${one.impact}), ${one.nodes.length} times: `
    + one.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | "));
}"""


def is_there() -> bool:
    """Whether axe-core is installed."""
    return SCRIPT.is_file()


def serious(page: Any) -> list[str]:
    """Serious and critical findings, a line a rule; none where axe-core is not installed."""
    if not is_there():
        return []
    page.add_script_tag(content=SCRIPT.read_text(encoding="utf-8"))
    return page.evaluate(_RUN, list(OURS))
