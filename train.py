"""The paper's training run: `python train.py`, the same as `alexnet train`."""

import sys

from alexnet_lib.cli.main import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
