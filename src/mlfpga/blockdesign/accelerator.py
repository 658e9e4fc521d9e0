"""The catalogue entry of an accelerator that keeps the course's contract, as Vitis HLS exports it."""

from mlfpga.blockdesign.shape import CatalogueError


def accelerator_ip(vlnv: str, stream_bits_in: int, stream_bits_out: int, latency: int = 0, interval: int = 0) -> dict:
    """The catalogue entry of an accelerator that keeps the course's contract, as Vitis HLS exports it.

    vlnv: vendor:library:name:version, e.g. "mlfpga:hls:digits_mlp_axi:1.0"
    stream_bits_in, stream_bits_out: widths of s_axis and m_axis, 32 or 64
    latency, interval: clock cycles as Vitis HLS reports them, 0 if unknown (they only appear in the handoff)
    """
    if len(vlnv.split(":")) != 4 or not all(vlnv.split(":")):
        raise CatalogueError(f'"{vlnv}" is not vendor:library:name:version')
    for name, bits in (("input", stream_bits_in), ("output", stream_bits_out)):
        if bits not in (32, 64):
            raise CatalogueError(f"{name} stream width {bits} is not supported; choose 32 or 64")
    return {
        "vlnv": vlnv,
        "revision": 1,
        "class": "PERIPHERAL",
        "about": "An accelerator made with Vitis HLS: stream in, stream out, ap_ctrl_hs control.",
        "parameters": {},
        "computed": {
            "C_S_AXI_CONTROL_ADDR_WIDTH": "4",
            "C_S_AXI_CONTROL_DATA_WIDTH": "32",
            "II": str(interval),
            "clk_period": "10",
            "combinational": "0",
            "latency": str(latency),
            "machine": "64",
        },
        "ports": [
            {"name": "ap_clk", "direction": "I", "kind": "clk"},
            {"name": "ap_rst_n", "direction": "I", "kind": "rst", "polarity": "ACTIVE_LOW"},
            {"name": "interrupt", "direction": "O", "kind": "INTERRUPT"},
        ],
        "interfaces": [
            _accelerator_interface("s_axi_control", "SLAVE", "aximm", 32, "lite", address_bits=4, protocol="AXI4LITE"),
            _accelerator_interface("s_axis", "TARGET", "axis", stream_bits_in, _HLS_STREAM, vectors="LAST"),
            _accelerator_interface("m_axis", "INITIATOR", "axis", stream_bits_out, _HLS_STREAM, vectors="LAST"),
        ],
        "segments": [
            {
                "interface": "s_axi_control",
                "name": "Reg",
                "usage": "register",
                "size": "0x10000",
                "block": 65536,
                "parameter": "C_S_AXI_CONTROL_",
            }
        ],
        "registers": {"s_axi_control": _AP_CTRL_HS},
    }


# The signals of ap_axiu<N, 0, 0, 0> (UG1399, "AXI4-Stream Interfaces without Side-Channels").
_HLS_STREAM = "TDATA TKEEP TSTRB TLAST TVALID TREADY"


def _accelerator_interface(name, kind, bus, data_bits, signals, **more):
    return {
        "name": name,
        "type": kind,
        "bus": bus,
        "clock": "ap_clk",
        "prefix": f"{name}_",
        "case": "upper",
        "signals": signals,
        "data_bits": data_bits,
        **more,
    }


def _reserved(name, first, bits):
    return [name, first, bits, "hls_ro", "Reserved; reads 0."]


# Vitis HLS User Guide (UG1399), "S_AXILITE Control Register Map"; names as Vitis HLS writes them into component.xml.
_AP_CTRL_HS = [
    {
        "name": "CTRL",
        "offset": "0",
        "reset": "0",
        "about": "Control signals",
        "fields": [
            ["AP_START", 0, 1, "hls_rw", "Start; stays 1 until the accelerator is ready."],
            ["AP_DONE", 1, 1, "hls_ro", "Done; reading clears it."],
            ["AP_IDLE", 2, 1, "hls_ro", "Idle."],
            ["AP_READY", 3, 1, "hls_ro", "Ready for the next start."],
            _reserved("RESERVED_1", 4, 3),
            ["AUTO_RESTART", 7, 1, "hls_rw", "Start again by itself whenever ready."],
            _reserved("RESERVED_2", 8, 1),
            ["INTERRUPT", 9, 1, "hls_ro", "The interrupt output."],
            _reserved("RESERVED_3", 10, 22),
        ],
    },
    {
        "name": "GIER",
        "offset": "4",
        "reset": "0",
        "about": "Global interrupt enable",
        "fields": [["Enable", 0, 1, "hls_rw", "Lets the interrupt out."], _reserved("RESERVED", 1, 31)],
    },
    {
        "name": "IP_IER",
        "offset": "8",
        "reset": "0",
        "about": "Interrupt enable",
        "fields": [
            ["CHAN0_INT_EN", 0, 1, "hls_rw", "Interrupt on ap_done."],
            ["CHAN1_INT_EN", 1, 1, "hls_rw", "Interrupt on ap_ready."],
            _reserved("RESERVED_0", 2, 30),
        ],
    },
    {
        "name": "IP_ISR",
        "offset": "12",
        "reset": "0",
        "about": "Interrupt status",
        "fields": [
            ["CHAN0_INT_ST", 0, 1, "hls_toggle", "ap_done has risen; write 1 to toggle."],
            ["CHAN1_INT_ST", 1, 1, "hls_toggle", "ap_ready has risen; write 1 to toggle."],
            _reserved("RESERVED_0", 2, 30),
        ],
    },
]
