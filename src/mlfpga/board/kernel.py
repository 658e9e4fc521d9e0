"""A Jupyter kernel with the virtual board in place: `python -m mlfpga.board.kernel -f CONNECTION_FILE`.

The package's own import registers the board, so the notebook in this kernel is the one that runs on the board.
"""

import os
import warnings


def main() -> None:
    # Else the debugger warns about frozen modules in every notebook that nbconvert executes.
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")
    warnings.filterwarnings("ignore", message=".*pkg_resources.*")

    from ipykernel.kernelapp import launch_new_instance

    launch_new_instance()


if __name__ == "__main__":
    main()
