"""Where the course keeps what it makes, and how files appear: whole or not at all.

Standard library only, so that both environments and the set-up script can use it.
"""

from mlfpga.artifacts.store import (
    ArtifactError,
    build_root,
    cache_root,
    content_key,
    course_root,
    named_folder,
    sha256,
    writing,
    writing_folder,
)

__all__ = [
    "ArtifactError",
    "build_root",
    "cache_root",
    "content_key",
    "course_root",
    "named_folder",
    "sha256",
    "writing",
    "writing_folder",
]
