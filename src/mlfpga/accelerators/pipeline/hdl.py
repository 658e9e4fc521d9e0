"""The SystemVerilog that people wrote, in `rtl/`: which files a top module needs, and which names are taken."""

import re
from pathlib import Path

from mlfpga.accelerators.contract import AcceleratorError
from mlfpga.artifacts import course_root

# An instance at the beginning of a line: `module #(` or `module instance (`.
_INSTANCE = re.compile(r"^\s*(\w+)\s+(?:#\(|\w+\s*\()", re.MULTILINE)
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
# IEEE 1800-2017, Annex B.
_KEYWORDS = frozenset(
    """
    accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind bins
    binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config const
    constraint context continue cover covergroup coverpoint cross deassign default defparam design disable dist do edge
    else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup endinterface endmodule
    endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask enum event eventually expect
    export extends extern final first_match for force foreach forever fork forkjoin function generate genvar global
    highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include initial inout input
    inside instance int integer interconnect interface intersect join join_any join_none large let liblist library local
    localparam logic longint macromodule matches medium modport module nand negedge nettype new nexttime nmos nor
    noshowcancelled not notif0 notif1 null or output package packed parameter pmos posedge primitive priority program
    property protected pull0 pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase
    randsequence rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
    rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal showcancelled
    signed small soft solve specify specparam static string strong strong0 strong1 struct super supply0 supply1
    sync_accept_on sync_reject_on table tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri
    tri0 tri1 triand trior trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var
    vectored virtual void wait wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
    """.split()
)


def blocks_on_disk() -> dict[str, Path]:
    """Name of a module -> its file, for everything in `rtl/common` and `rtl/pipeline`."""
    folders = (course_root() / "rtl" / folder for folder in ("common", "pipeline"))
    return {path.stem: path for folder in folders for path in sorted(folder.glob("*.sv"))}


def needed_files(text: str) -> list[Path]:
    """The files of all modules that the SystemVerilog `text` uses, directly or not; a module before its users."""
    known, files = blocks_on_disk(), []

    def add(source: str) -> None:
        for module in dict.fromkeys(_INSTANCE.findall(_COMMENT.sub("", source))):
            path = known.get(module)
            if path is not None and path not in files:
                add(path.read_text())
                files.append(path)

    add(text)
    return files


def check_name(name: str) -> None:
    """Raise AcceleratorError if `name` cannot name an IP, its top module and its files."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name):
        raise AcceleratorError(f"{name!r} cannot name an IP; use lower-case letters, digits and _, a letter first")
    if name in _KEYWORDS:
        raise AcceleratorError(f"{name!r} cannot name an IP: it is a word of SystemVerilog; choose another name")
    if name in blocks_on_disk():
        raise AcceleratorError(f"{name!r} cannot name an IP: a block in rtl/ has that name; choose another name")
