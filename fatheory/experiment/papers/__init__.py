"""The experiments of the papers, one function each."""
