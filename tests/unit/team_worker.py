"""A process of a team, as `torchrun` starts it: python team_worker.py FILE. Trains a tiny net."""

import sys

import torch

from alexnet_lib.data.synthetic import synthetic_images
from alexnet_lib.training.config import TrainConfig
from alexnet_lib.training.team import joined_team
from alexnet_lib.training.trainer import Trainer, seed_epoch

SETTINGS = {"epochs": 2, "batch_size": 32, "lr": 0.001, "validation_size": 44, "device": "cpu"}
SETTINGS |= {"precision": "float32", "model": {"init": "torch"}}


def main(path: str) -> None:
    with joined_team() as team:
        data = synthetic_images(300, 60)  # 256 to train on
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


if __name__ == "__main__":
    main(sys.argv[1])
