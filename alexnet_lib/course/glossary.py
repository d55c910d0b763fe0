"""The course's words, a plain sentence each: lessons link them, docs/glossary.md lists them."""

import re
from dataclasses import dataclass

# Lesson that explains the word, its name, its other forms (plurals need none); then the sentence.
_WORDS = """
00 layer
    One step of a network: it turns all numbers that it gets for a picture into new numbers.
00 weight
    A number by which an input is multiplied, and which training changes.
00 filter, kernel
    The weights that a convolution lays on each window of a picture or map.
00 map, feature map
    The answers of one filter at every place of a picture, as a table of numbers.
00 channel
    One of the tables that make up a picture, such as its red values; in deeper layers, a map.
01 unit
    One number that a layer puts out, with the weights that make it: a weighted sum of inputs.
01 gradient
    For each weight, how much the loss would grow if that weight grew a little.
01 loss
    The number that training makes small; it is large where answers are wrong or unsure.
01 epoch
    One pass over all training pictures.
01 training set, training picture, training image
    The pictures that a network learns from.
01 validation
    Checking on pictures kept apart from training, in order to choose a setting, a rate or an epoch.
01 test set, test picture, test image
    Pictures kept for one last measurement; nothing is learned from them or chosen by them.
01 leak
    Knowledge of test pictures that reaches training or a choice, so that the error looks too low.
01 top-1, top-1 error
    Share of pictures on which the class with the highest score is wrong.
01 top-5, top-5 error
    Share of pictures whose label is not among the five classes with the highest scores.
01 mean image
    A picture whose every number is the mean of that number over all training pictures.
01 centred
    Said of numbers whose mean was subtracted, so that they lie around 0.
01 standard deviation
    The usual distance of numbers from their mean: the root of the mean squared distance.
01 standardised
    Said of numbers that were centred, then divided by their standard deviation: they spread by 1.
01 softmax
    It turns scores into probabilities: e to the power of each score, divided by the sum of all.
01 cross-entropy
    The loss of a classifier: minus the logarithm of the probability that it gives the right class.
01 interval, 95 % interval
    A range around a measured value; of a hundred ranges made so, about 95 hold the true value.
01 baseline
    A simple method whose error shows what a better method has to beat.
01 linear classifier
    A network of one layer: each class has its own weights and scores a weighted sum of pixels.
01 learning rate
    How far the weights move against the gradient at each update.
01 update rule, PaperSGD
    How each update changes the weights: 0.9 of the last step, and a step against the gradient.
01 confusion matrix
    A table of how often each true class, a row, was taken for each class, a column.
02 convolution, convolutional, convolve
    Moving a filter over a picture: at each place, multiply number by number and add up.
02 batch, mini-batch
    The pictures that are sent through the network together for one update of the weights.
02 stride
    How many pixels a window moves from one place to the next.
02 padding, pad, padded
    Zeros put around a picture or map, so that windows can reach past its edge.
02 pooling, pool, pooled, max pool, max pooling
    A layer that puts one number, such as the largest, in place of each window of a map.
02 bias
    A number that a unit adds to its weighted sum.
02 dense layer, dense, fully connected, fully-connected
    A layer in which every unit reads all inputs, each with a weight of its own.
02 weight sharing
    All places of a map use the same filter, instead of weights of their own.
02 locally connected
    Said of a layer that reads windows like a convolution, but with other weights at each place.
02 ceil
    Rounding up to the next whole number: then a last window may hang over the edge.
02 receptive field
    The part of the picture that can change the value of a unit.
03 rectified linear unit, ReLU
    The function that sets negative numbers to 0 and leaves positive ones as they are.
03 saturation, saturated, saturate
    Where a function such as tanh is nearly flat, so that hardly any gradient passes.
03 regularisation, regularised
    Anything that keeps a network from learning its pictures by heart, such as dropout or decay.
03 shut
    Said of a ReLU that gets a negative input: it answers 0 and passes no gradient.
03 dead unit, dead map, dead
    A unit that answers 0 for every picture, so that no gradient reaches its weights.
04 tower
    The half of the network that one of the two graphics cards computed.
04 silent layer, silent
    A layer in which each tower reads only its own maps, none of the other tower.
04 grouped convolution
    A convolution cut into parts; each part reads only its own share of the maps.
04 parameter
    A number that training changes: a weight or a bias.
04 multiply-add
    One multiplication and one addition, the unit in which the work of a network is counted.
04 float32
    A number kept in 32 bits, with about seven decimal digits.
05 activation, activity
    The number that a unit puts out for a picture.
05 local response normalisation, LRN, response normalisation, normalisation
    Dividing each answer by a power of k plus α times the squares of n neighbouring maps.
06 overlapping pooling
    Pooling with a stride smaller than the window, so that neighbouring windows share numbers.
07 seed
    A number that fixes all random choices of a run, so that it can be repeated exactly.
07 paired, pairing
    Said of runs with the same seed, or of answers on the same picture, compared one by one.
07 power of an experiment
    The chance that an experiment sees an effect of a given size, if the effect is there.
07 curse of the winner, winner's curse
    Weak experiments see an effect only when chance enlarges it, so they report too large a size.
07 standard error
    How far a mean would usually be off if the experiment were repeated with other seeds.
08 neuron
    The paper's word for one number that a layer with weights puts out.
09 augmentation
    Changing training pictures at random, such as by crops and mirrors, but not their label.
09 ten views
    Five crops of a test picture and their mirror images, whose answers are averaged.
09 overfitting, overfit, over-fitting, overfitted
    Learning the training pictures by heart, and so doing worse on new ones.
09 covariance
    How much two quantities vary together, here the red, green and blue of pixels.
09 eigenvalue
    The variance of the data along one of its main directions.
09 logit
    The score of a class before the softmax; it may be any number.
10 dropout
    Setting each unit of a layer to 0 with a chance of one half in training, anew for each picture.
10 inverted dropout, inverted
    Dropout that enlarges the units that are left in training, and changes nothing in the test.
10 thinned
    Said of a network in which dropout has set some of the units to 0.
10 geometric mean
    The n-th root of a product of n numbers; one small factor makes it small.
11 momentum
    The share of the last step that is kept in the next one.
11 weight decay, decay
    A small pull of every weight towards 0 at each update.
11 velocity
    The step that the update rule keeps: what is added to the weights.
11 patience
    How many epochs without a new best error to wait before the learning rate falls.
11 plateau
    A stretch of training in which the error no longer falls.
12 fan-in
    The number of inputs of a unit.
12 root mean square
    The root of the mean of the squares: the usual size of numbers, whatever their signs.
13 corner of the experiment, corners of the experiment
    One combination of ingredients, each on or off, in an experiment that switches several.
13 ablation
    An experiment that leaves out a part, in order to see what the part brings.
13 main effect
    The mean error with an ingredient compared with the mean error without it.
13 interaction
    How much more or less one ingredient brings when another is there.
13 Wilson interval, Wilson's interval, Wilson
    An interval for a share of n pictures, right also where the share is near 0 or 1.
13 p-value
    The chance of an effect at least as large as the measured one, if there were none.
13 Holm adjustment, Holm's adjustment, Holm
    A stricter rule for each claim where many are tested, so that chance alone rarely passes.
14 feature
    A number that a trained network computes from a picture, used to describe the picture.
14 distributed
    Said of a description that is spread over many units, none of which decides alone.
14 jitter
    Moving a picture by a random pixel or two at each step.
14 entropy
    A measure of how evenly something is spread: 0 where all of it lies in one place.
15 batch norm, batch normalisation
    A layer that scales each map, over the batch, to mean 0 and spread 1, then learns both anew.
15 global average
    A layer that puts the mean of each map in place of the map.
15 residual network
    A network whose blocks add to their input instead of replacing it.
"""

# Words that every lesson needs: linked where the course first uses them, not once a lesson.
EVERYDAY = frozenset(
    "layer, weight, filter, map, convolution, channel, unit, gradient, loss, batch, "
    "epoch, training set, validation, test set, learning rate, dense layer, bias, pooling, "
    "activation, parameter, interval, rectified linear unit, top-1".split(", ")
)
PAGE = "docs/glossary.md"


@dataclass(frozen=True)
class Term:
    """A word that a newcomer may not know.

    Attributes:
        forms: its name, then other forms; plurals need none.
        lesson: number of the lesson that explains it.
        sentence: what it means.
    """

    forms: tuple[str, ...]
    lesson: str
    sentence: str

    @property
    def name(self) -> str:
        """What the glossary calls it."""
        return self.forms[0]

    @property
    def anchor(self) -> str:
        """Its place on the page, as GitHub makes it from the heading."""
        return self.name.lower().replace(" ", "-")

    @property
    def pattern(self) -> str:
        """Regular expression of its forms, plural included; not yet of whole words."""
        words = sorted(map(_plural, self.forms), key=len, reverse=True)
        return "|".join(words)

    def link(self, words: str) -> str:
        """Markdown: the words, a link to the page, with the sentence on hover."""
        return f'[{words}](../{PAGE}#{self.anchor} "{self.sentence}")'


def _plural(form: str) -> str:
    """A form and its plural: stride(s), batch(es), matri(x|ces)."""
    escaped = re.escape(form).replace(r"\ ", r"[ \n]")
    if form.endswith("x"):
        return f"{escaped[:-1]}(?:x|ces)"
    return escaped + ("(?:e?s)?" if form.endswith(("ch", "ss", "as")) else "s?")


def _read(text: str) -> dict[str, Term]:
    terms = {}
    for entry in re.split(r"\n(?=\d\d )", text.strip()):
        head, *sentence = entry.splitlines()
        number, _, forms = head.partition(" ")
        term = Term(tuple(forms.split(", ")), number, " ".join(map(str.strip, sentence)))
        terms[term.name] = term
    return terms


TERMS = _read(_WORDS)
