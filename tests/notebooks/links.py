"""The cells that refresh writes by itself: navigation at a notebook's end, the index in 00."""

from alexnet_lib.course.lessons import LESSONS, Lesson, written_lessons


def navigation(lesson: Lesson) -> str:
    """Links to the lesson before, the index and the lesson after, of those that are written."""
    written = written_lessons()
    before = [entry for entry in written if entry.number < lesson.number]
    after = [entry for entry in written if entry.number > lesson.number]
    links = []
    if before:
        links.append(_link(before[-1], f"← {before[-1].number} {before[-1].title}"))
    if lesson.number != "00":
        links.append(_link(LESSONS[0], "Index"))
    if after:
        links.append(_link(after[0], f"{after[0].number} {after[0].title} →"))
    return "---\n" + (" · ".join(links) or "The next lesson is being written.")


def index() -> str:
    """Table of all lessons; those that are not written yet are named without a link."""
    rows = [
        "| | Lesson | Paper | Minutes on a CPU | on a GPU, level full |",
        "|---|---|---|---|---|",
    ]
    for entry in LESSONS:
        title = _link(entry, entry.title) if entry.path.is_file() else f"{entry.title} (in writing)"
        minutes = f"{entry.minutes_cpu:g} | {entry.minutes_gpu:g}"
        rows.append(f"| {entry.number} | {title} | {entry.section} | {minutes} |")
    return "\n".join(rows)


def _link(entry: Lesson, text: str) -> str:
    return f"[{text}]({entry.file_name})"
