"""Commands around the block design: project, IP catalogue, files, runs, reports. They leave the files Vivado would."""

import fnmatch
from pathlib import Path

from mlfpga.blockdesign.boards import board_names
from mlfpga.blockdesign.catalogue import did_you_mean
from mlfpga.blockdesign.commands.filters import parse_filter
from mlfpga.blockdesign.commands.options import parse_options
from mlfpga.blockdesign.commands.session import Session, version_of
from mlfpga.blockdesign.sandbox import CommandError

# What `version -short` answers if the script does not say for which version it was written.
VIVADO_VERSION = "2024.1"


class ProjectCommands:
    """Every public method is a command of Vivado."""

    NAMES = {"common::send_gid_msg": "_send_message", "common::send_msg_id": "_send_message"}

    def __init__(self, session: Session):
        self._session = session

    def version(self, *words):
        options, _ = parse_options(words, flags=["-short"])
        version = self._session.sandbox.expected_version or VIVADO_VERSION
        return version if "-short" in options else f"Vivado v{version} (mlfpga dry run)"

    def create_project(self, *words):
        flags = ["-force", "-in_memory", "-ip", "-rtl_kernel"]
        options, names = parse_options(words, flags=flags, valued=["-part", "-name", "-dir"])
        session = self._session
        name = [options["-name"]] if "-name" in options else []
        folder = [options["-dir"]] if "-dir" in options else []
        names = name + names + folder
        session.project = names[0] if names else "project_1"
        session.folder = names[1] if len(names) > 1 else session.project
        session.design.part = options.get("-part", "")
        session.design.where = session.where
        return session.project

    def open_project(self, *words):
        _, (path,) = parse_options(words, flags=["-read_only", "-recovery_mode"], valued=["-part"])
        session = self._session
        session.project, session.folder = Path(path).stem, str(Path(path).parent)
        session.done.add("wrapper")
        session.remark(f"the dry run does not see what {Path(path).name} holds already, only what the script adds")
        return session.project

    def close_project(self, *words):
        parse_options(words, flags=["-delete"])

    def get_board_parts(self, *words):
        """The boards that the dry run knows, and any that the script calls by its full name."""
        flags = ["-regexp", "-nocase", "-latest_file_version", "-latest_hw_revision"]
        options, patterns = parse_options(words, flags=flags, valued=["-filter"])
        session = self._session
        patterns = session.words(patterns) or ["*"]
        known = [f"{name}:part0:1.0" for name in board_names()]
        found = [pattern for pattern in patterns if not {"*", "?"} & set(pattern)]
        found += [part for part in known if any(fnmatch.fnmatchcase(part, pattern) for pattern in patterns)]
        if "-filter" in options:
            keep = parse_filter(options["-filter"])
            found = [part for part in found if keep(lambda name, part=part: _of_board(part).get(name.upper(), ""))]
        if not found and "-quiet" not in options:
            wanted = options.get("-filter", patterns[0])
            session.miss("get_board_parts", f'the dry run knows no board "{wanted}"; it knows {", ".join(known)}')
        return found

    def current_project(self, *words):
        options, names = parse_options(words)
        session = self._session
        if names:
            session.project = names[0]
        if not session.project and "-quiet" not in options:
            raise CommandError("there is no open project; create_project makes one")
        return session.project

    def get_projects(self, *words):
        parse_options(words, valued=["-filter"])
        return [self._session.project] if self._session.project else []

    def update_ip_catalog(self, *words):
        parse_options(words, flags=["-rebuild", "-scan_changes"], valued=["-repo_path", "-add_ip", "-delete_ip"])

    def get_ipdefs(self, *words):
        options, patterns = parse_options(words, flags=["-all", "-regexp", "-nocase"], valued=["-filter"])
        session = self._session
        patterns = session.words(patterns) or ["*"]
        known = session.catalogue
        # A VLNV without its version stands for every version.
        found = [v for v in known if any(fnmatch.fnmatchcase(v, p) or v.startswith(f"{p}:") for p in patterns)]
        if "-filter" in options:
            keep = parse_filter(options["-filter"])
            found = [vlnv for vlnv in found if keep(lambda name, vlnv=vlnv: _ip_property(vlnv, name))]
        if "-all" not in options:
            # Only -all tells versions that newer ones have replaced.
            newest = {vlnv.rpartition(":")[0]: vlnv for vlnv in sorted(found, key=version_of)}
            found = [vlnv for vlnv in found if vlnv in newest.values()]
        if not found and "-quiet" not in options:
            session.miss("get_ipdefs", f'there is no IP "{patterns[0]}"{did_you_mean(patterns[0], known)}')
        return found

    def _send_message(self, *words):
        """What a script tells: an error of its own (write_bd_tcl's scripts give up without any other) is a finding."""
        options, rest = parse_options(words, valued=["-ssname", "-id", "-severity"])
        # The older form is: id severity text.
        severity = options.get("-severity") or (rest[1] if len(rest) > 2 else "INFO")
        text = " ".join(rest[-1].split()) if rest else ""
        self._session.sandbox.output.append(text)
        if severity.upper() in ("ERROR", "CRITICAL WARNING"):
            self._session.remark(f"the script says: {text}", "error" if severity.upper() == "ERROR" else "warning")
        if severity.upper() == "ERROR":
            raise CommandError(text, whole=True)

    def write_hwdef(self, *words):
        _, rest = parse_options(words, flags=["-force"], valued=["-file"])
        self._session.need(not rest or len(rest) == 1, "expected one file")

    # Files and filesets.

    def get_files(self, *words):
        options, patterns = parse_options(
            words,
            flags=["-regexp", "-nocase", "-all", "-norecurse"],
            valued=["-of_objects", "-filter", "-compile_order", "-used_in"],
        )
        session = self._session
        known = [f"{session.design.name}.bd", *session.added]
        patterns = session.words(patterns) or ["*"]
        # Scripts say where a file lies in one way when they add it and in another one when they ask for it.
        found = [file for file in known for pattern in patterns
                 if fnmatch.fnmatchcase(Path(file).name, Path(pattern).name)]  # fmt: skip
        if found:
            return found
        if "-quiet" not in options:
            session.miss("get_files", f'there is no file "{patterns[0]}" in the project')
        return []

    def get_filesets(self, *words):
        _, patterns = parse_options(words, flags=["-regexp", "-nocase"], valued=["-of_objects", "-filter"])
        known = ["sources_1", "constrs_1", "sim_1", "utils_1"]
        return [name for name in known if any(fnmatch.fnmatchcase(name, p) for p in patterns or ["*"])]

    def current_fileset(self, *words):
        options, _ = parse_options(words, flags=["-simset", "-srcset", "-constrset"])
        return {"-simset": "sim_1", "-constrset": "constrs_1"}.get(next(iter(options), ""), "sources_1")

    def add_files(self, *words):
        options, files = parse_options(
            words,
            flags=["-norecurse", "-copy_to", "-force", "-scan_for_includes"],
            valued=["-fileset", "-of_objects", "-relative_to"],
        )
        return self._add(files)

    def import_files(self, *words):
        options, files = parse_options(
            words, flags=["-force", "-norecurse", "-flat"], valued=["-fileset", "-relative_to", "-of_objects"]
        )
        return self._add(files)

    def read_verilog(self, *words):
        _, files = parse_options(words, flags=["-sv"], valued=["-library"])
        return self._add(files)

    def read_vhdl(self, *words):
        _, files = parse_options(words, flags=["-vhdl2008", "-vhdl2019"], valued=["-library"])
        return self._add(files)

    def update_compile_order(self, *words):
        parse_options(words, flags=["-force_gui"], valued=["-fileset"])

    # From the design to the bitstream.

    def generate_target(self, *words):
        parse_options(words, flags=["-force"])
        self._generate()

    def make_wrapper(self, *words):
        _ = parse_options(
            words, flags=["-top", "-import", "-force", "-testbench", "-inst_template"], valued=["-files", "-fileset"]
        )
        session = self._session
        session.done.add("wrapper")
        sources = Path(session.folder, f"{session.project}.gen", "sources_1", "bd", session.design.name, "hdl")
        wrapper = sources / f"{session.design.name}_wrapper.v"
        session.wrote(wrapper)
        return str(wrapper)

    def get_runs(self, *words):
        options, patterns = parse_options(words, flags=["-regexp", "-nocase"], valued=["-filter", "-of_objects"])
        session = self._session
        names = session.words(patterns) or ["*"]
        found = [run for name in names for run in fnmatch.filter(["synth_1", "impl_1"], name)]
        if not found and "-quiet" not in options:
            session.miss("get_runs", f'there is no run "{names[0]}"; a new project has synth_1 and impl_1')
        return found

    def current_run(self, *words):
        options, _ = parse_options(words, flags=["-synthesis", "-implementation"])
        return "impl_1" if "-implementation" in options else "synth_1"

    def reset_run(self, *words):
        parse_options(words, flags=["-noclean_dir"], valued=["-prev_step", "-from_step"])

    def launch_runs(self, *words):
        options, names = parse_options(
            words,
            flags=["-force", "-scripts_only"],
            valued=["-jobs", "-to_step", "-next_step", "-dir", "-lsf", "-host"],
        )
        session = self._session
        names = session.words(names)
        if not names:
            session.blame_miss("which run? A new project has synth_1 and impl_1")
        session.need("wrapper" in session.done, "the design has no top module; make_wrapper makes one")
        self._generate()
        for run in names:
            if run not in ("synth_1", "impl_1"):
                raise CommandError(f'there is no run "{run}"; a new project has synth_1 and impl_1')
            folder = session.sandbox.resolve(Path(session.folder, f"{session.project}.runs", run))
            told = {"PROGRESS": "100%", "STATUS": "dry run", "DIRECTORY": str(folder)}
            told |= {"STATS.WNS": "", "STATS.WHS": ""}  # no slack: nothing was timed
            session.properties |= {(run, name): value for name, value in told.items()}
            if run == "impl_1" and options.get("-to_step") == "write_bitstream":
                # Until 2019.1 a run left the hardware's definition too.
                for suffix in ("bit", "sysdef"):
                    session.wrote(folder / f"{session.design.name}_wrapper.{suffix}")

    def wait_on_run(self, *words):
        parse_options(words, flags=["-quiet"], valued=["-timeout"])

    def wait_on_runs(self, *words):
        parse_options(words, valued=["-timeout", "-exit_condition"])

    def open_run(self, *words):
        parse_options(words, valued=["-name", "-pr_config"])

    def write_bitstream(self, *words):
        _, (path,) = parse_options(words, flags=["-force", "-bin_file", "-verbose", "-raw_bitfile"])
        self._session.wrote(path)

    def write_hw_platform(self, *words):
        flags = ["-fixed", "-include_bit", "-force", "-minimal", "-hw", "-include_sim_content", "-hw_emu"]
        options, rest = parse_options(words, flags=flags, valued=["-file"])
        session = self._session
        (path,) = rest or [options["-file"]]
        session.wrote(path)

    def report_utilization(self, *words):
        valued = ["-hierarchical_depth", "-cells", "-pblocks", "-format"]
        self._report(words, ["-hierarchical", "-slr", "-hierarchical_percentages"], valued)

    def report_timing_summary(self, *words):
        flags = ["-setup", "-hold", "-report_unconstrained", "-warn_on_violation", "-datasheet", "-input_pins"]
        valued = ["-delay_type", "-max_paths", "-nworst", "-path_type", "-slack_lesser_than", "-significant_digits"]
        self._report(words, [*flags, "-unique_pins", "-routable_nets", "-no_detailed_paths"], valued)

    def report_power(self, *words):
        self._report(words, ["-advisory", "-hierarchical_depth"], ["-hier", "-format"])

    def _add(self, files):
        files = self._session.words(files)
        self._session.add_sources(files)
        self._session.added |= dict.fromkeys(files)
        return files

    def _generate(self):
        session = self._session
        name = session.design.name
        sources = Path(session.folder, f"{session.project}.gen", "sources_1", "bd", name)
        session.wrote(sources / "hw_handoff" / f"{name}.hwh")

    def _report(self, words, flags, valued):
        flags, valued = [*flags, "-append", "-return_string", "-no_header"], [*valued, "-file", "-name", "-rpx"]
        options, _ = parse_options(words, flags=flags, valued=valued)
        if "-file" in options:
            self._session.wrote(options["-file"])


def _ip_property(vlnv, name):
    return {"VLNV": vlnv, "NAME": vlnv.split(":")[2]}.get(name.upper(), "")


def _of_board(part: str) -> dict:
    """What -filter can ask of a board part: vendor:name:part0:version."""
    words = [*part.split(":"), "", "", ""]
    return {"NAME": part, "VENDOR_NAME": words[0], "BOARD_NAME": words[1], "FILE_VERSION": words[3]}
