"""The design that is counted and simulated."""

from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def workbench(tmp_path_factory):
    """(top, files, parameters, data) of workbench.sv."""
    table = tmp_path_factory.mktemp("data") / "table.hex"
    table.write_text("".join(f"{(37 * i + 11) % 256:02x}\n" for i in range(32)))
    return "workbench", [HERE / "workbench.sv"], {"STEP": 5, "TABLE": "table.hex"}, [table]
