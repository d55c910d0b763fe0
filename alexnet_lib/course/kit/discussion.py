"""Questions to discuss in class, by section: those without an answer that a cell could print."""

DISCUSSION = {
    "0.1": "The window moves by a few pixels and the answer changes. Is that a fault of the "
    "network, or of the question that we ask it?",
    "0.7": "Some claims can be tested without ImageNet, others cannot. What makes the difference?",
    "1.6": "Who in daily life chooses by the test set? Think of the best of many forecasts, "
    "or of many remedies.",
    "1.10": "Which confusions of the classifier would you make too, and what does it use that "
    "you do not?",
    "2.6": "One filter for all places: for which pictures is that a bad idea? (Faces in passport "
    "photographs always have their eyes at the same place.)",
    "2.9": "A unit sees 163 pixels, but most of its paths come from the middle. What follows for "
    "an object at the edge?",
    "3.3": "You may choose the learning rate for your own method and for a rival's. How can the "
    "reader know that you were fair?",
    "3.5": "The factor of 6 becomes 1.7 under other conditions. Was the paper wrong?",
    "4.1": "The towers were a way around 3 GB of memory. Which ideas in use today come from a "
    "limit of machines?",
    "4.9": "How could you tell specialised towers from two halves that differ by chance?",
    "5.6": "At unit variance LRN does next to nothing. What has to be looked at before one calls "
    "a part useless?",
    "5.10": "Later networks dropped LRN. What does that say about its gain in 2012?",
    "6.1": "A pool forgets where something was. Name a task that is hurt by it, and one that is "
    "helped.",
    "6.5": "Two networks differ in three ways and one has the lower error. What may be concluded?",
    "7.2": "An interval holds 0. Say in one sentence of plain English what was found.",
    "7.6": "Six runs could not tell and forty-eight could. When is it right to stop after six?",
    "8.4": "Most weights are in the dense layers, most of the work in the convolutions. Where "
    "would you save first: on a phone, on a memory card, on the electricity bill?",
    "8.7": "A printed number cannot be right. What would you do before writing to the authors?",
    "9.1": "Which changes of a picture keep its label: of a cat, of a digit, of an X-ray?",
    "9.7": "Ten views cost ten times the work. Who should pay for them, and when?",
    "10.7": "A bug that raises no error: how could a program make sure that nobody forgets eval()?",
    "10.10": "No unit may rely on another. Does that hold for a team of people, too?",
    "11.4": "torch and the paper differ from the first drop on. Who has to say so, and where?",
    "11.6": "Our test can neither confirm nor refute the claim on decay. What test could?",
    "12.1": "One network learns and another never begins. How many starts would you try before you "
    "call a method bad?",
    "12.5": "Is a run that stops with an error better or worse than one that stays at chance?",
    "13.3": "The best of fifty equal networks looks four points better. How should a table of "
    "results of many groups be read?",
    "13.5": "Five networks vote and win. When do five people vote and not win?",
    "14.5": "The best patches suggest what a map answers to. What would prove it?",
    "14.9": "The network is sure of a picture that shows nothing. What should a program that uses "
    "it do with its answers?",
    "15.5": "Bugs without an error: which check would have found each of them in a minute?",
    "15.7": "Which of the three later ideas could have been found in 2012, and why was it not?",
}
