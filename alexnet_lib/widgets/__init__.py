"""Widgets: thin shells over the figures."""
