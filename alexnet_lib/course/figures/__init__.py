"""Figures: tensors in, matplotlib Figure out.

from alexnet_lib.course import figures

figures.image_grid(images, title="Eight photographs")
"""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "overview": "claims_table paper_map",
        "pixels": "image_grid mosaic",
        "convolution": "as_pictures corner_windows filter_grid",
        "activations": "gradient_by_layer race",
        "network": "architecture",
        "towers": "kernel_blocks tower_strips",
        "ledger": "ledger_chart memory_chart",
        "response_norm": "response_curves",
        "pooling": "change_curves",
        "colour": "shift_clouds",
        "dropout": "error_lines spread",
        "optimisation": "loss_race signal_chart smooth",
        "training": "drops gap_panels learning_curves",
        "errors": "change_chart confusion_chart effect_intervals error_intervals paired_errors",
        "inside": "best_classes heat_rows measure_strips neighbour_rows",
    },
)
