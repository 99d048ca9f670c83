"""The methods of `solve`, one a file: ways to answer an experiment from equations."""

from fatheory.theory.methods.dmft import DMFTMethod as DMFTMethod
from fatheory.theory.methods.linear import LinearMethod as LinearMethod
from fatheory.theory.methods.linear import LinearPath as LinearPath
from fatheory.theory.methods.method import Method as Method
from fatheory.theory.methods.registry import METHODS as METHODS
from fatheory.theory.methods.registry import find_method as find_method
from fatheory.theory.methods.registry import known_methods as known_methods
from fatheory.theory.methods.registry import register_method as register_method
from fatheory.theory.methods.scope import LINEAR as LINEAR
from fatheory.theory.methods.scope import Scope as Scope
