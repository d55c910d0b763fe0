"""Experiments: designs, runs, sealed records, and the verdicts that follow from them."""

from alexnet_lib import lazy_names

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "catalogue": "EXPERIMENTS WITHOUT corners experiment",
        "records": "load_record recorded",
        "measures": "by_seed recorded_runs",
        "replay": "Replay ReplayRecorder load_replay replay_path save_replay",
        "verdicts": "ledger verdict_words",
    },
)
