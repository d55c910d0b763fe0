"""Markdown as HTML that needs nothing from outside: mathematics as MathML, links between pages."""

import re
from functools import partial
from html import escape

from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

GLOSSARY = "glossary.html"


def to_html(markdown: str) -> str:
    """A markdown text of a lesson as HTML; every heading gets an id, see `anchor`."""
    return MarkdownWithMath(renderer=_Renderer(escape=False)).render(markdown)


def to_page(link: str) -> str:
    """Where a link of a notebook leads on the site; what the site lacks stays as it is."""
    page = re.sub(r"^(?:\.\./notebooks/)?(\d\d_\w+)\.ipynb", r"\1.html", link)
    return page.replace("../docs/glossary.md", GLOSSARY)


def anchor(heading: str) -> str:
    """Id of a heading: "1.1 A picture" is "1-1-a-picture"."""
    words = re.sub(r"<[^>]+>", "", heading).lower()
    return re.sub(r"[^\w]+", "-", words).strip("-")


def to_mathml(tex: str, display: str = "inline") -> str:
    """A formula as MathML, which browsers draw without a script and readers speak."""
    from latex2mathml.converter import convert  # of the extra "docs" alone

    formula = convert(tex.strip(), display=display)
    # a large sum has its limits below and above the sign, as in print
    large = r"<msubsup>(<mo>&#x02211;</mo>.*?)</msubsup>"
    return (
        re.sub(large, r"<munderover>\1</munderover>", formula)
        if r"\displaystyle" in tex
        else formula
    )


def python(code: str) -> str:
    """Code with its words marked by class; `site.css` gives them colours."""
    return _marked(code.rstrip())


_marked = partial(Highlight2HTML(pygments_lexer="python"), metadata=None)


class _Renderer(IPythonRenderer):
    """nbconvert's own, with these five changes."""

    def inline_math(self, body: str) -> str:
        return to_mathml(body)

    def block_math(self, body: str) -> str:
        return f'<div class="formula" tabindex="0">{to_mathml(body, "block")}</div>'

    def heading(self, text: str, level: int, **_: object) -> str:
        return f'<h{level} id="{anchor(text)}">{text}</h{level}>\n'

    def link(self, text: str, url: str, title: str | None = None) -> str:
        page, about = to_page(url), ""
        if page.startswith(f"{GLOSSARY}#"):
            about = ' class="word"'
        if title:
            about += f' title="{escape(title)}"'
        return f'<a href="{escape(page)}"{about}>{text}</a>'

    def table(self, text: str) -> str:
        return f'<div class="wide" tabindex="0"><table>{text}</table></div>'
