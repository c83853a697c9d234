"""BackupAndRestore: the callback's way of saying `fit(resume=…)`."""

from os import PathLike

from cornu.callbacks.base import Callback
from cornu.errors import UsageError, shown


class BackupAndRestore(Callback):
    """Keeps a run in a folder, so that a killed script goes on when it is started again.

    What follows is the same to the last bit as if nothing had happened: weights, optimizer, order
    of the data, figures, and what other callbacks keep. `fit` itself does the work.

    Args:
        backup_dir: the folder, for this run alone; made when it is needed.
        save_freq: "epoch", or a number of batches.
        double_checkpoint: taken for Keras's sake; two moments are kept in any case.
        delete_checkpoint: whether the folder's files go when training has ended by itself.

    Raises:
        UsageError: for a folder without a name, or another `save_freq`.
    """

    leaves_traces = True
    keeps = ()

    def __init__(
        self,
        backup_dir: str | PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ):
        if not backup_dir:
            raise UsageError("E-RESUME", "BackupAndRestore needs a folder: backup_dir is empty.")
        whole = isinstance(save_freq, int) and not isinstance(save_freq, bool) and save_freq > 0
        if save_freq != "epoch" and not whole:
            raise UsageError(
                "E-RESUME",
                f'save_freq must be "epoch" or a number of batches; got {shown(save_freq)}.',
            )
        self.backup_dir, self.save_freq = backup_dir, save_freq
        self.double_checkpoint, self.delete_checkpoint = double_checkpoint, delete_checkpoint
