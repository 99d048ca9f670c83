"""What the Methods of Lillicrap et al. 2016 claim of settings, and what they leave open."""

from fatheory.claims.entry import Entry

ENTRIES = (
    Entry(
        "l16.scales",
        "Methods, 'MNIST data set'",
        "Many scale parameters for B work well.",
        not_run="one scale of B has been run at the paper's size with the text's rule",
    ),
    Entry(
        "l16.rough",
        "Methods, 'Nonlinear networks'",
        "Rough approximations of the derivative of the activation work nearly as well.",
        not_run="slopes other than exact ones have not been run at the paper's size",
    ),
    Entry(
        "l16.svhn",
        "Results, 'Feedback alignment learns under a variety of conditions', end; Supplementary "
        "Notes 2-9",
        "The mechanism works on harder tasks, such as Google's street view house numbers.",
        not_decidable="the text at hand gives neither a network nor a number for that data set; "
        "the data are not at hand either",
    ),
)
