"""Widgets: what a notebook shows and asks.

from alexnet_lib.course import widgets

lesson = widgets.start("02")
widgets.WindowStepper(image, filters)
"""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "page": "note show show_html",
        "lesson": "examine start",
        "questions": "Asked Option Predict Question Quiz",
        "live": "LiveRace LiveTraining together",
        "overview": "TimeChooser",
        "first_look": "FirstLook",
        "centring": "CentringExplorer",
        "pictures": "Album",
        "views": "PreprocessingViewer ViewSampler",
        "convolution": "ReceptiveFieldExplorer SizePlayground WindowStepper",
        "activations": "ActivityExplorer SlopeExplorer",
        "runs": "Clinic RaceExplorer ReplayExplorer recorded_race",
        "network": "PresetExplorer WiringBoard",
        "flow": "FlowExplorer",
        "response_norm": "Competition NormalisedMaps",
        "pooling": "PoolStepper PowerMeter ShiftMeter",
        "dropout": "MaskPlayer ThresholdExplorer thinned_answers",
        "optimisation": "ScheduleEditor ValleyExplorer",
        "board": "AblationBoard",
        "covering": "CoverExplorer",
        "film": "FilmExplorer",
        "inside": "MapBrowser PatchBrowser UnitExplorer",
    },
)
