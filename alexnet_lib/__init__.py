"""AlexNet, as printed and as run in 2012: layers, models, training, lessons.

Floors, from the ground up; a module imports only from floors below its own:

    paper, checks, environment, files   the paper's numbers; refusals; folders; safe writing
    layers, augment, optim, metrics     what §3, §4 and §5 define
    models, data                        networks and pictures
    training, experiments, inspection   runs, records, looking inside
    figures                             tensors in, matplotlib Figure out
    widgets, exercises                  what a notebook shows and asks
"""

__version__ = "0.1.0"
