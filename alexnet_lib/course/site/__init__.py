"""The course as static pages: read, predict and answer without a kernel, and without the web.

From a lesson to its page:

    text        markdown to HTML, TeX to MathML, code to colours
    asks        predictions, quizzes and exercises as the page asks them
    blocks      a notebook's cells as the blocks of a page, and what waits for a prediction
    build       all pages, pictures, the words to search, and what moves them

    build_site("site")                          # or: alexnet site, make site

`templates/` holds the pages' frame, `site.css` their look, `site.js` what answers in them.
"""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(__name__, {"build": "build_site"})
