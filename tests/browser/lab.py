"""A notebook in a real JupyterLab: open, run, move controls, look."""

import re
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from alexnet_lib.course.widgets.page import STILL_S

# Of a Play widget only the first: pause, stop and repeat show nothing new.
_BUTTON = "button.jupyter-button:not(.widget-upload, .widget-play *):enabled"
_PLAY = ".widget-play button:first-of-type"
READY_MS, RUN_MS, REDRAW_MS = 90_000, 400_000, 30_000


class Lab:
    """One page with one notebook.

    Args:
        page: a Chromium page.
        base: the server's address, without a slash at the end.
        screenshots: folder for pictures of what was seen.
    """

    def __init__(self, page: Page, base: str, screenshots: Path) -> None:
        self.page, self.base, self.screenshots = page, base, screenshots

    def open(self, file_name: str) -> None:
        """Show a notebook and wait until its kernel is there and idle."""
        self.page.goto(f"{self.base}/doc/tree/notebooks/{file_name}?reset")
        kernel = self.page.locator(".jp-Toolbar-kernelName")
        # The indicator says idle before there is a kernel; what one runs then is lost.
        expect(kernel).not_to_have_text(re.compile("No Kernel"), timeout=READY_MS)
        self._wait_idle(READY_MS)

    def run_all(self) -> None:
        """Run all cells and wait until each has its number."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt")
        numbered = [re.compile(r"\[\d+\]")] * prompts.count()
        expect(prompts).to_have_text(numbered, timeout=RUN_MS)
        self._wait_idle(RUN_MS)

    def run_cell(self, index: int) -> None:
        """Run one code cell without waiting for it."""
        self.page.locator(".jp-CodeCell .jp-InputArea-editor").nth(index).click()
        self.page.keyboard.press("Control+Enter")

    def errors(self) -> list[str]:
        """Texts of all error outputs."""
        outputs = self.page.locator('[data-mime-type="application/vnd.jupyter.error"]')
        return outputs.all_inner_texts()

    def explorers(self) -> list["ExplorerOnPage"]:
        """All explorers of the notebook, from the top."""
        found = self.page.locator(".alexnet-explorer")
        return [ExplorerOnPage(found.nth(i)) for i in range(found.count())]

    def seen(self, text: str) -> int:
        """How often a text can be read; what is hidden does not count."""
        return self.page.get_by_text(text).locator("visible=true").count()

    def predictions(self) -> list[Locator]:
        """All questions that ask for a prediction, from the top."""
        found = self.page.locator(".alexnet-predict")
        return [found.nth(i) for i in range(found.count())]

    def predict(self, question: Locator) -> None:
        """Answer one, with a number or the first of its options, and commit that."""
        button = question.get_by_role("button")
        expect(button).to_be_disabled()
        field = question.get_by_placeholder("a number")
        if field.count():
            field.fill("7")
        else:
            question.get_by_role("radio").first.check()
        button.click()
        expect(question).to_contain_text("Committed: ")

    def save(self) -> None:
        """Write the notebook's file, after what was moved last has reached it."""
        self.page.wait_for_timeout(1000 * (STILL_S + 1))
        self.page.keyboard.press("Control+s")
        expect(self.page.locator(".jp-mod-dirty")).to_have_count(0)
        self.page.wait_for_timeout(1000)

    def screenshot(self, name: str) -> None:
        """Keep what one sees now."""
        self.screenshots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self.screenshots / f"{name}.png")

    def _wait_idle(self, timeout_ms: int) -> None:
        indicator = self.page.locator(".jp-Notebook-ExecutionIndicator")
        expect(indicator).to_have_attribute("data-status", "idle", timeout=timeout_ms)


class ExplorerOnPage:
    """Controls, picture and line of text of an `Explorer`."""

    def __init__(self, box: Locator) -> None:
        self.box = box
        self.picture, self.text = box.locator("img").last, box.locator("[role=status]").last

    def controls(self) -> Iterator[Locator]:
        """Handles of sliders, lists, check boxes, then buttons."""
        for kind in (".noUi-handle", "select", "input[type=checkbox]", _BUTTON, _PLAY):
            found = self.box.locator(kind)
            yield from (found.nth(i) for i in range(found.count()))

    def move(self, control: Locator) -> tuple[str, str]:
        """Change a control by the keyboard; returns picture address and text after the redraw."""
        before = self.text.inner_text()
        control.scroll_into_view_if_needed()
        if control.evaluate("element => element.tagName") == "SELECT":
            options, chosen = (
                control.locator("option").count(),
                control.evaluate("e => e.selectedIndex"),
            )
            control.select_option(index=(chosen + 1) % options)
        elif control.get_attribute("type") == "checkbox":
            control.press("Space")
        elif control.evaluate("element => element.tagName") == "BUTTON":
            control.press("Enter")
        else:
            ends = ("aria-valuenow", "aria-valuemax")
            now, most = (float(control.get_attribute(name)) for name in ends)
            control.press("ArrowLeft" if now >= most else "ArrowRight")
        expect(self.text).not_to_have_text(before, timeout=REDRAW_MS)
        return self.seen()

    def leave_the_impossible(self) -> None:
        """Press Reset where a setting is not possible: other controls then change no word."""
        if (told := self.text.inner_text()).startswith("Not possible"):
            self.box.get_by_role("button", name="Reset").click()
            expect(self.text).not_to_have_text(told, timeout=REDRAW_MS)

    def seen(self) -> tuple[str, str]:
        """Address of the picture, which is new for each picture, and the text."""
        return self.picture.get_attribute("src") or "", self.text.inner_text()
