"""The networks: AlexNet and its presets, the four-layer net of Fig. 1, the layer ledger."""
