"""The rich regime of infinitely wide networks under random feedback."""

from fatheory.theory.wide.dmft.mean_field import dmft as dmft
