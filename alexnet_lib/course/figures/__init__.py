"""Figures: tensors in, matplotlib Figure out."""
