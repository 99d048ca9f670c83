"""The papers' experiments, ready to run or to change."""

from collections.abc import Callable, Iterator, Mapping

from fatheory.errors import UnknownNameError
from fatheory.experiment.experiment import Experiment
from fatheory.experiment.papers.digits import (
    lillicrap2016_depth,
    lillicrap2016_features,
    lillicrap2016_fig3ab,
    lillicrap2016_pseudo,
    lillicrap2016_sparse,
)
from fatheory.experiment.papers.functions import (
    lillicrap2016_fig3d,
    lillicrap2016_fig3d_three_layers,
    lillicrap2016_fig5a,
    lillicrap2016_fig5c,
)
from fatheory.experiment.papers.linear import lillicrap2016_fig2
from fatheory.experiment.papers.signs import (
    liao2016_table_a,
    liao2016_table_b,
    liao2016_table_bm,
    liao2016_table_c1,
    liao2016_table_c2,
)
from fatheory.experiment.papers.spikes import lillicrap2016_fig4
from fatheory.markup import heading, table


class Presets(Mapping[str, Experiment]):
    """A read-only mapping from a preset's name to its experiment, made when asked for."""

    def __init__(self, makers: Mapping[str, Callable[[], Experiment]]) -> None:
        self._makers = dict(makers)

    def __getitem__(self, name: str) -> Experiment:
        """Return a preset.

        Raises
        ------
        UnknownNameError
            If there is none of that name; the message lists them.
        """
        if name not in self._makers:
            raise UnknownNameError("preset", name, self._makers)
        return self._makers[name]()

    def __contains__(self, name: object) -> bool:
        # `Mapping` would make the experiment to see whether it is there.
        return name in self._makers

    def __iter__(self) -> Iterator[str]:
        return iter(self._makers)

    def __len__(self) -> int:
        return len(self._makers)

    def __repr__(self) -> str:
        longest = max(map(len, self._makers), default=0)
        return "\n".join(f"{name.ljust(longest)}  {self.summary(name)}" for name in self)

    def _repr_html_(self) -> str:
        return heading("Presets") + table(((n, self.summary(n)) for n in self), ("name", "what"))

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def summary(self, name: str) -> str:
        """Return one line on a preset."""
        maker = self._makers[name]
        return (maker.__doc__ or "").strip().splitlines()[0]


presets = Presets(
    {
        "lillicrap2016/fig2": lillicrap2016_fig2,
        "lillicrap2016/fig3ab": lillicrap2016_fig3ab,
        "lillicrap2016/sparse": lillicrap2016_sparse,
        "lillicrap2016/features": lillicrap2016_features,
        "lillicrap2016/pseudo": lillicrap2016_pseudo,
        "lillicrap2016/depth": lillicrap2016_depth,
        "lillicrap2016/fig3d/4-layer": lillicrap2016_fig3d,
        "lillicrap2016/fig3d/3-layer": lillicrap2016_fig3d_three_layers,
        "lillicrap2016/fig4": lillicrap2016_fig4,
        "lillicrap2016/fig5a": lillicrap2016_fig5a,
        "lillicrap2016/fig5c": lillicrap2016_fig5c,
        "liao2016/table_a": liao2016_table_a,
        "liao2016/table_b": liao2016_table_b,
        "liao2016/table_c1": liao2016_table_c1,
        "liao2016/table_c2": liao2016_table_c2,
        "liao2016/table_bm": liao2016_table_bm,
    }
)
