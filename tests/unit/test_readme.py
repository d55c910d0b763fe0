"""The tables of README come from the code and the records, and its links lead somewhere."""

import importlib.util
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def readme_tool():
    spec = importlib.util.spec_from_file_location("readme", ROOT / "tests" / "readme.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_tables_are_what_code_and_records_say():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert readme_tool().renewed(text) == text, "run `make readme`"


def test_links_and_pictures_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert target.startswith("http") or (ROOT / target).exists(), target


def test_commands_of_the_makefile_are_the_ones_promised():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"\bmake ([a-z]+)", (ROOT / "README.md").read_text(encoding="utf-8")):
        assert re.search(rf"^{target}:", makefile, re.M) or target == "nothing", target
