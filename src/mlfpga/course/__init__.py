"""The course itself: where its stages live, running its notebooks, the report, editions and student releases.

A lab asks for what it needs and hands on what it made:

    from mlfpga import course

    here = course.workspace()                             # in a lab for one case: workspace(case="cnn")
    model_file = here.need("training") / "model.h5"       # runs lab 01 first if it was never run
    with here.publish("compression", accuracy=0.97) as folder:
        model.save(folder / "model.h5")                    # the stage appears whole, or not at all

Importing this room is light; notebooks are executed by the modules that `need` loads when it has to.
"""

from mlfpga.course.stages import DEFAULTS, Stage, StageError, case_of, stage, stages_of
from mlfpga.course.workspace import Workspace, workspace
from mlfpga.exercises import check

__all__ = ["DEFAULTS", "Stage", "StageError", "Workspace", "case_of", "check", "stage", "stages_of", "workspace"]
