"""The process that does one job after another: `python -m mlfpga.compress.sweeps.worker THREADS`.

Pickles come in on standard input (first what all jobs share, then one recipe after another) and go out on standard
output. When the input ends, because the sweep is over or because its process is gone, so does this one, at once.

A process of its own making rather than of `multiprocessing`: that one would run the caller's script once more in each
process, which fails for code typed into a terminal and for scripts that do not guard against it.
"""

import os
import pickle
import queue
import sys
import threading

import tensorflow as tf

from mlfpga.compress.sweeps.task import do


def main() -> None:
    """Serve until the input ends."""
    tf.config.threading.set_intra_op_parallelism_threads(int(sys.argv[1]))
    tf.config.threading.set_inter_op_parallelism_threads(1)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a training prints goes to the log, not between the answers
    asked: queue.Queue = queue.Queue()
    threading.Thread(target=_read, args=(asked,), daemon=True).start()
    inputs = asked.get()
    while True:
        pickle.dump(do(inputs, asked.get()), answers)
        answers.flush()


def _read(asked: queue.Queue) -> None:
    while True:
        try:
            asked.put(pickle.load(sys.stdin.buffer))
        except EOFError:
            os._exit(0)  # in the middle of a training, too: nobody waits for it any more


if __name__ == "__main__":
    main()
