"""Experiments: designs, runs, sealed records, and the verdicts that follow from them."""
