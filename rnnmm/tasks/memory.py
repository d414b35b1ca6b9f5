"""Memory that training no longer needs goes back to the system."""

import ctypes
import sys
from contextlib import suppress

import lightning.pytorch as pl


class HeapTrim(pl.Callback):
    """Gives the free pages of the heap back after every epoch.

    Lengths differ from batch to batch, so what was freed leaves holes of all sizes between what is
    still held, and glibc keeps their pages: training would seem to need more with every epoch.
    """

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """After the last batch and the validation of an epoch."""
        trim_heap()


def trim_heap() -> None:
    """Gives the system all pages of the heap that hold nothing; without effect but on glibc."""
    if sys.platform == "linux":
        with suppress(AttributeError):  # another C library
            ctypes.CDLL(None).malloc_trim(0)
