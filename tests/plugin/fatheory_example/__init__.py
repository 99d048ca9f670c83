"""A package of one's own for fatheory: one rule, one quantity, one method, one task."""
