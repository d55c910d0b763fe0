"""Pictures: where CIFAR-10 comes from, and batches that live on the device."""
