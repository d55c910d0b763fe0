"""Widgets: what a notebook shows and asks.

from alexnet_lib.course import widgets

lesson = widgets.start("02")
widgets.window_stepper(image, filters)
"""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "page": "note show show_html",
        "lesson": "examine start",
        "questions": "Option Predict Question Quiz",
        "live": "LiveTraining",
        "overview": "time_chooser",
        "pictures": "Album preprocessing_viewer view_sampler",
        "convolution": "output_size_playground receptive_field_explorer window_stepper",
        "activations": "activity_explorer race_explorer recorded_race slope_explorer",
        "wiring": "wiring_board",
        "response_norm": "competition",
        "pooling": "power_meter shift_meter",
        "ledger": "ledger_explorer preset_explorer",
        "dropout": "mask_player thinned_answers threshold_explorer",
        "optimisation": "schedule_editor valley_explorer",
        "replay": "replay_explorer",
        "board": "AblationBoard",
        "inside": "map_browser patch_browser unit_explorer",
        "runs": "clinic",
    },
)
