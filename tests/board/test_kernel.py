import json
import sys

import pytest
from jupyter_client.manager import start_new_kernel


@pytest.fixture
def kernel(tmp_path, monkeypatch):
    spec = tmp_path / "kernels" / "board"
    spec.mkdir(parents=True)
    argv = [sys.executable, "-m", "mlfpga.board.kernel", "-f", "{connection_file}"]
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "board", "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    manager, client = start_new_kernel(kernel_name="board")
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def test_a_notebook_in_the_kernel_finds_the_virtual_board_and_no_chatter(kernel):
    outputs = []
    reply = kernel.execute_interactive(
        "from pynq import Device, Overlay, allocate\nprint(Device.active_device.name)",
        timeout=60,
        output_hook=lambda message: outputs.append(message["content"]),
    )
    assert reply["content"]["status"] == "ok"
    streams = [(content["name"], content["text"]) for content in outputs if "text" in content]
    assert streams == [("stdout", "AUP-ZU3 (virtual)\n")]
