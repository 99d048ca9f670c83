"""A statement that SymPy has reduced to true."""

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp

from fatheory.errors import ProofError


@dataclass(frozen=True)
class Proof:
    """A proven statement.

    Attributes
    ----------
    id : str
        Short name, such as ``"invariant.flow"``.
    statement : sympy object
        The statement, as a relation.
    latex : str
        The same in LaTeX, without dollar signs.
    """

    id: str
    statement: sp.Basic
    latex: str

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


def proven(
    name: str,
    statement: sp.Basic,
    differences: sp.Expr | list[sp.Expr],
    simplify: Callable[[sp.Expr], sp.Expr] = sp.simplify,
) -> Proof:
    """Return the proof, after reducing every difference to zero.

    Parameters
    ----------
    name : str
        Id of the proof.
    statement : sympy object
        What the vanishing differences say.
    differences : sympy expression or list of them
        Left side minus right side, with everything that is given substituted.
    simplify : callable
        How to reduce a difference.

    Raises
    ------
    ProofError
        If a difference does not reduce to zero, of which the message shows what is left, or the
        statement is no relation.
    """
    # A relation that SymPy evaluates becomes True, and there is nothing left to print.
    if not isinstance(statement, sp.core.relational.Relational):
        raise ProofError(f"{name} states nothing: {statement!r} should be a relation")
    for difference in differences if isinstance(differences, list) else [differences]:
        left = simplify(difference)
        # A zero matrix of symbolic shape does not equal 0.
        if left != 0 and not getattr(left, "is_ZeroMatrix", False):
            raise ProofError(f"{name} is not proven: {sp.sstr(left):.400} should be 0")
    return Proof(name, statement, sp.latex(statement))


def reduce_matrices(expression: sp.MatrixExpr) -> sp.MatrixExpr:
    """Multiply out products and transposes of matrix symbols of symbolic shape."""
    return sp.expand(sp.expand(expression.doit()).doit()).doit()
