"""Named experiments that take longer than a lesson, and the records of their runs."""
