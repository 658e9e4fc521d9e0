"""What the commands share: an IP by its VLNV, in the version that is asked for."""

import pytest

from mlfpga.blockdesign import ScriptError


@pytest.mark.parametrize(
    ("asked", "version"),
    [
        ("axis_data_fifo:1.1", "1.1"),
        ("axis_data_fifo:2.0", "2.0"),
        ("axis_data_fifo", "2.0"),
        ("axis_data_fifo:", "2.0"),
        ("axis_data_fifo:*", "2.0"),
        ("axis_data_fifo:1.*", "1.1"),
    ],
)
def test_without_a_version_the_newest_is_meant(run_lines, asked, version):
    design = run_lines(f"create_bd_cell -type ip -vlnv xilinx.com:ip:{asked} fifo")
    assert design.cells["fifo"].ip.version == version


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            "xilinx.com:ip:axis_data_fifo:9.9",
            'there is no IP "xilinx.com:ip:axis_data_fifo:9.9"; the dry run knows xilinx.com:ip:axis_data_fifo:1.1, '
            "xilinx.com:ip:axis_data_fifo:2.0",
        ),
        (
            "xilinx.com:ip:axis_datafifo:2.0",
            'there is no IP "xilinx.com:ip:axis_datafifo:2.0"; did you mean xilinx.com:ip:axis_data_fifo:2.0?',
        ),
    ],
)
def test_an_ip_that_is_not_known_is_told_with_those_that_are(run_lines, asked, message):
    with pytest.raises(ScriptError) as caught:
        run_lines(f"create_bd_cell -type ip -vlnv {asked} fifo")
    assert str(caught.value).endswith(f"create_bd_cell: {message}")
