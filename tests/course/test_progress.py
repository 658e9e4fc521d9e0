"""The progress display: a live line for people, few plain lines for logs."""

import io

from mlfpga.course.progress import LOG_EVERY_SECONDS, Progress, clock


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_log_gets_a_line_at_the_start_now_and_then_and_at_the_end():
    log = io.StringIO()
    progress = Progress(log)
    progress.stage(2, 6, "lab02", "the compressed model")
    for second in range(2 * LOG_EVERY_SECONDS + 1):
        progress.cell(3, 9, second)
    progress.done(31)
    lines = log.getvalue().splitlines()
    assert len(lines) == 4
    assert lines[0].split() == ["[2/6]", "lab02", "starts:", "the", "compressed", "model"]
    assert "cell  3 of 9  0:15" in lines[1]
    assert lines[-1].endswith("done, 9 cells in 0:31")


def test_skipped_stage_is_one_line():
    log = io.StringIO()
    progress = Progress(log)
    progress.stage(1, 6, "lab01", "the trained model")
    progress.skipped(75)
    assert log.getvalue().split() == "[1/6] lab01 up to date (took 1:15 when it ran)".split()


def test_terminal_gets_one_line_that_is_written_over():
    terminal = Terminal()
    progress = Progress(terminal)
    progress.stage(1, 6, "lab01", "the trained model")
    progress.cell(0, 9, 0.2)
    progress.cell(4, 9, 61)
    assert terminal.getvalue().count("\n") == 0
    assert "starting its kernel" in terminal.getvalue()
    assert "cell  4 of 9  1:01" in terminal.getvalue().split("\r")[-1]
    progress.failed(62)
    assert terminal.getvalue().endswith("FAILED after 1:02\n")


def test_clock():
    assert [clock(seconds) for seconds in (0, 59.9, 60, 3599)] == ["0:00", "0:59", "1:00", "59:59"]
