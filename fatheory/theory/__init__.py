"""What follows from an equation: flows, reductions, closed forms and their limits.

Symbols, the same in every module and in the papers:

=========  ====================================================================
``W0``     input weights, (n_h, n_i)
``W``      output weights, (n_o, n_h)
``B``      feedback weights, (n_h, n_o); compared with the transpose of W
``T``      target map, (n_o, n_i): y* = T x
``Sigma``  second moment of the input, E[x x^T], (n_i, n_i)
``E``      T - W W0
``e``      error y* - y of one example
``eta``    learning rate
``t``      time, t = eta * step
=========  ====================================================================
"""

from fatheory.theory.flow import flow as flow
from fatheory.theory.flow import invariant as invariant
from fatheory.theory.integrate import Phase as Phase
from fatheory.theory.solve import METHODS as METHODS
from fatheory.theory.solve import solve as solve
