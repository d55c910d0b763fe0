"""The course: lessons, exercises, figures, widgets."""
