"""The paper as code, in this order: facts, layers, network, optim, augment."""
