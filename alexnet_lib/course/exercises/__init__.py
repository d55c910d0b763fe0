"""Exercises that name the mistake, one module per lesson."""
