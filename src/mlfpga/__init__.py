"""mlfpga: from a trained neural network to an accelerator on an AMD AUP-ZU3 board.

The rooms, from the ground up (each imports only from those before it): `artifacts`, `formats`, `datasets`, `models`,
`compress`, `evaluate`, `simulate`, `accelerators`, `blockdesign`, `bundle`, `board`, `course`, `cli`.
Nothing is imported here, so that `import mlfpga` is instant on the workshop machine and on the board alike.
"""

__version__ = "0.1.0"
