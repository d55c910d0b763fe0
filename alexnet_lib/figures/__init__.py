"""Figures: pure functions, tensors in, matplotlib Figure out."""
