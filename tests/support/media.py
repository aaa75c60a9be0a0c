"""An H.264 clip made with ffmpeg, and what a decoder makes of a stream that was received."""

import subprocess
from pathlib import Path

from .build import build_once

SECONDS, RATE = 3, 25
FRAMES = SECONDS * RATE
GROUP = 12  # pictures from one key frame to the next: what one lost packet may spoil
SOURCE = f"testsrc2=size=320x240:rate={RATE}:duration={SECONDS}"
QUIET = ["ffmpeg", "-hide_banner", "-nostdin", "-loglevel", "warning"]
DECODE_SECONDS = 30


def make_clip(folder: Path) -> Path:
    """Three seconds of a moving test picture, no B-frames, a key frame every half second."""
    encode = ["-c:v", "libx264", "-preset", "ultrafast", "-g", str(GROUP), "-pix_fmt", "yuv420p", "-f", "mp4"]
    return build_once(folder / "clip.mp4", [*QUIET, "-f", "lavfi", "-i", SOURCE, *encode, "{}"])


def decoded(file: Path, *, whole: bool = True) -> list[str]:
    """The MD5 of each picture that ffmpeg decodes from the file's video, in order; errors raise, unless it
    need not be ``whole``.
    """
    report = ["-map", "0:v", "-vsync", "passthrough", "-f", "framemd5", "-"]
    words = [*QUIET, *(["-xerror"] if whole else []), "-i", str(file), *report]
    made = subprocess.run(words, capture_output=True, text=True, check=True, timeout=DECODE_SECONDS)
    return [line.split()[-1] for line in made.stdout.splitlines() if not line.startswith("#")]


def codec(file: Path) -> str:
    """The codec's name as ffprobe tells it ("h264")."""
    show = ["-select_streams", "v", "-show_entries", "stream=codec_name", "-of", "csv=p=0"]
    words = ["ffprobe", "-v", "error", *show, str(file)]
    made = subprocess.run(words, capture_output=True, text=True, check=True, timeout=DECODE_SECONDS)
    return made.stdout.strip().strip(",")
