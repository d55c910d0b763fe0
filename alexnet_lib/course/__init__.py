"""The course: lessons, exercises, figures, widgets.

A lesson imports what it shows from here:

    from alexnet_lib.course import figures, nb15, patient, widgets
"""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "exercises": " ".join(f"nb{number:02}" for number in range(16)),
        "by_hand": "conv2d_by_hand window_starts",
        "patients": "SMALL patient",
        "photographs": "photograph",
        "shift": "edge_maps relative_change",
        "shipped": "available_network imagenet_network",
        "toy": "SoftmaxProblem descend dropped_rates",
    },
)
