"""A process of a team, as `torchrun` starts it: trains a tiny net, and looks whether it may leave.

python team_worker.py FILE [IMAGES]
"""

import sys
from pathlib import Path

import torch

from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.team import joined_team
from alexnet_lib.training.trainer import Trainer, seed_epoch

SETTINGS = {"epochs": 2, "batch_size": 32, "lr": 0.001, "validation_size": 44, "device": "cpu"}
SETTINGS |= {"precision": "float32", "model": {"init": "torch"}}


def main(path: str, images: int = 300) -> None:
    with joined_team() as team:
        data = synthetic_images(images, 60)  # 44 of them decide
        config = TrainConfig.for_preset("four-layer", **SETTINGS)
        trainer = Trainer(config, data, team=team)
        trainer.fit()
        test = trainer.evaluate(trainer.test_batches(data.test), "ten")
        seed_epoch(config.seed, 0, team.rank)
        found = {
            "weights": trainer.model.state_dict(),
            "history": trainer.history.to_dict(),
            "test": (test.top1_error, test.count, test.confusion),
            "dropout": team.gather(torch.rand(4)),
            "from the leader": team.gather(team.from_leader(lambda: team.rank)),
        }
        print(f"process {team.rank} speaks")
        if team.leads:
            torch.save(found, path)
    if left := threads_of_the_group():  # while `trainer` still holds the shared network
        sys.exit(f"Left the group, and its threads work on: {left}.")


def threads_of_the_group() -> list[str]:
    """Names of gloo's threads in this process; none where the system does not tell."""
    names = [path.read_text().strip() for path in Path("/proc/self/task").glob("*/comm")]
    return [name for name in names if "gloo" in name]


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
