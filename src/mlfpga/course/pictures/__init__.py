"""The course's own pictures: SVG written as text, so that the same code always gives the same bytes.

`accuracy_picture` goes into pages; `draw` fills `img/` with what the README shows. `python -m mlfpga.course.pictures`
draws anew; with `--record` it first reads the results of finished runs, which the result picture shows.
"""

from mlfpga.course.pictures.accuracy import accuracy_picture
from mlfpga.course.pictures.gallery import PICTURES, draw

__all__ = ["PICTURES", "accuracy_picture", "draw"]
