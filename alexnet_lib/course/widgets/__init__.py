"""Widgets: what a notebook shows and asks."""
