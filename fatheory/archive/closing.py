"""What is held until a with block ends."""

from abc import abstractmethod
from contextlib import AbstractContextManager
from types import TracebackType


class Closing(AbstractContextManager):
    """A context manager whose end is `close`."""

    @abstractmethod
    def close(self) -> None:
        """Give up what is held; doing it twice does no harm."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
