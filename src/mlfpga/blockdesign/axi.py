"""The signals of AXI4, AXI4-Lite and AXI4-Stream: who drives them and how wide they are (AMBA IHI 0022, IHI 0051)."""

AXIMM = "xilinx.com:interface:aximm:1.0"
AXIS = "xilinx.com:interface:axis:1.0"


def bus_vlnv(bus: str) -> str:
    """The definition of a standard bus by its short name.

    >>> bus_vlnv("gpio")
    'xilinx.com:interface:gpio:1.0'
    """
    return f"xilinx.com:interface:{bus}:1.0"


_ADDRESS = "ADDR LEN SIZE BURST LOCK CACHE PROT QOS ID USER VALID READY"
_FIXED_WIDTH = {"LEN": 8, "SIZE": 3, "BURST": 2, "CACHE": 4, "PROT": 3, "QOS": 4, "REGION": 4, "RESP": 2}

READ = [f"AR{name}" for name in _ADDRESS.split()] + "RDATA RRESP RLAST RID RVALID RREADY".split()
WRITE = [f"AW{name}" for name in _ADDRESS.split()] + "WDATA WSTRB WLAST WVALID WREADY BRESP BID BVALID BREADY".split()

# What a group name in the catalogue stands for.
GROUPS = {
    "lite": "AWADDR AWVALID AWREADY WDATA WSTRB WVALID WREADY BRESP BVALID BREADY "
    "ARADDR ARVALID ARREADY RDATA RRESP RVALID RREADY".split(),
    "full": WRITE + READ,
    "stream": "TDATA TKEEP TLAST TVALID TREADY".split(),
}


def master_drives(signal: str) -> bool:
    """Whether the master (or the stream's source) drives a signal, by its logical name.

    >>> master_drives("AWVALID"), master_drives("RDATA"), master_drives("RREADY"), master_drives("TREADY")
    (True, False, True, False)
    """
    answer = signal[0] in "RB"
    return answer if signal.endswith("READY") else not answer


def suffix(signal: str) -> str:
    """A signal's name without its channel: AWID, BID and RID are all ID.

    >>> suffix("AWID"), suffix("RID"), suffix("RVALID"), suffix("TDATA")
    ('ID', 'ID', 'VALID', 'DATA')
    """
    return signal[1:] if signal[0] in "RWBT" else signal[2:]


def signal_width(signal: str, data_bits: int, address_bits=0, id_bits=0, user_bits=0, dest_bits=0) -> int | None:
    """Width of a signal in bits, or None for a single wire.

    >>> signal_width("WSTRB", 64), signal_width("TLAST", 32), signal_width("ARADDR", 64, 40)
    (8, None, 40)
    """
    name = suffix(signal)
    if name == "DATA":
        return data_bits
    if name in ("STRB", "KEEP"):
        return data_bits // 8
    if name == "ADDR":
        return address_bits
    if name == "ID":
        return id_bits or None
    if name == "USER":
        return user_bits or None
    if name == "DEST":
        return dest_bits or None
    return _FIXED_WIDTH.get(name)
