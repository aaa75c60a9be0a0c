"""The recording file: frames that survive a crash, a codec for the values, a writer and a reader.

docs/recording.md describes the format byte by byte.
"""

from ptrace_net.record.format.frame import MAGIC, VERSION
from ptrace_net.record.format.reader import is_recording, read_recording, stream
from ptrace_net.record.format.writer import RecordingWriter

__all__ = ["MAGIC", "VERSION", "RecordingWriter", "is_recording", "read_recording", "stream"]
