"""Catalogue: signs and angles."""

from fatheory.theory.statements.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        id="signs.angle",
        statement=r"\cos\angle(M \circ S \circ \mathrm{sign}\, W, W) \to "
        r"(2p - 1) \frac{E M\, E|W|}{\sqrt{E M^2\, E W^2}}",
        assumptions="many independent entries; M independent of W, signs concordant with "
        "probability p",
        source="derived for this project, for the rules of Liao, Leibo & Poggio 2016",
        function="fatheory.theory.signs.expected_feedback_angle",
        verified="symbolic moments; Monte Carlo, error falling as the root of the entries",
    ),
    Entry(
        id="signs.concordance",
        statement=r"P(\mathrm{sign}\, a = \mathrm{sign}\, b) = 1 - \theta/\pi",
        assumptions="jointly Gaussian centred entries of correlation cos(theta)",
        source="Sheppard 1899; applied to feedback matrices for this project",
        function="fatheory.theory.signs.concordance_from_angle",
        verified="quadrature of the bivariate normal law; Monte Carlo",
    ),
)
