"""The command line: `alexnet` and `python train.py`."""
