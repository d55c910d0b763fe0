"""The course as static pages: each lesson, and its explorers alive without a kernel."""
