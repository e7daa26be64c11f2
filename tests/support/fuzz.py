"""Mutated images through the decoder and the whole job, in a process of their own: does anything
but our errors come?

    make fuzz                                      a minute
    make fuzz ARGS="--seconds 3600 --seed 7"       an hour of other ones
    python -m tests.support.fuzz --replay build/fuzz/crash-1-1234   one file again, in this process

A case is told by its seed and number. What kills the process (a crash in a decoder, more than
CASE_SECONDS of CPU), takes more than CASE_MB of memory or raises something else than a ClientError
is saved in build/fuzz, and the run ends with 1.
"""

import argparse
import collections
import faulthandler
import importlib
import json
import os
import random
import signal
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from app.settings import Settings
from cutout import animation, remover
from cutout.errors import ClientError
from cutout.imaging.box import Size
from cutout.imaging.decode import reduction
from cutout.inference.registry import Registry
from cutout.options import CutoutOptions, Format, Frames, MaskOptions, PredictOptions
from cutout.sources import Upload
from cutout.system.clock import Clock
from tests.support import broken
from tests.support.paths import ROOT
from tests.support.stand_ins import bright_predictors

MAX_PIXELS = 300_000
CASE_SECONDS = 2.0  # of CPU
CASE_MB = 100
NUMBERS = (
    0,
    1,
    2,
    3,
    7,
    8,
    15,
    16,
    31,
    32,
    63,
    64,
    127,
    128,
    255,
    256,
    32767,
    32768,
    65535,
    1 << 31,
    (1 << 32) - 1,
)
JOBS = 5
DRESSED = CutoutOptions.model_validate(
    {
        "size": 20,
        "points": "50% 50% +; 90% 10% -",
        "background": "blur:3",
        "shadow": "contact",
        "outline": "2px #f008",
    }
)
EVERY_FRAME = CutoutOptions(frames=Frames.all, size=20)
LINE_CASES = 500  # that a line of the child tells of

Attack = Callable[[bytes, int], None]
Mutation = Callable[[random.Random, bytearray], None]


def attack(data: bytes, number: int) -> None:
    """Decode a file and do one of the jobs with it. Raises ClientError, if all is well."""
    upload = Upload.read(data, MAX_PIXELS)
    width, height = upload.header.upright
    image = upload.decode(reduction(upload.header, Size(width // 3, height // 3)))
    assert image.image.shape[2] == 3
    assert image.alpha is None or image.alpha.shape == image.image.shape[:2]
    models, clock = Registry(bright_predictors(Settings())), Clock()
    if number % JOBS == 0:
        remover.score(upload, PredictOptions(subject=True), models, clock)
    elif number % JOBS == 1:
        remover.mask(upload, MaskOptions(refine=False), models, clock)
    elif number % JOBS == 2:
        options = CutoutOptions(crop=True, format=Format.auto)
        remover.cut_out(upload, options, models, clock, background=upload)
    elif number % JOBS == 3:
        remover.cut_out(upload, DRESSED, models, clock, given=upload)
    else:
        animation.cut_out(upload, EVERY_FRAME, models, clock)


def case(seed: int, number: int, images: list[bytes]) -> bytes:
    """The mutated image of that number."""
    rng = random.Random(f"{seed} {number}")
    data = bytearray(rng.choice(images))
    for _ in range(rng.choice((1, 1, 2, 3, 5, 8))):
        if data:
            rng.choice(MUTATIONS)(rng, data)
    if rng.random() < 0.1:
        other = rng.choice(images)
        data[rng.randrange(len(data) + 1) :] = other[rng.randrange(len(other)) :]
    return (
        _with_right_checksums(bytes(data))
        if data.startswith(broken.PNG_SIGNATURE) and rng.random() < 0.8
        else bytes(data)
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--cases", type=int, default=10**12, help="stop after so many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build" / "fuzz", help="where findings are saved"
    )
    parser.add_argument(
        "--target",
        default="tests.support.fuzz:attack",
        help="module:function that takes a file and a number",
    )
    parser.add_argument("--replay", type=Path, help="run one file, here")
    parser.add_argument("--child", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.replay is not None:
        for number in range(JOBS):
            _target(options.target)(options.replay.read_bytes(), number)
    elif options.child is not None:
        _run_cases(options.child, options)
    else:
        summary = campaign(options)
        print(json.dumps(summary, indent=1))
        raise SystemExit(bool(summary["findings"]))


def campaign(options: argparse.Namespace) -> dict[str, object]:
    """Run cases in children, a new one after each death, until time or cases are up.

    Counts and findings.
    """
    options.out.mkdir(parents=True, exist_ok=True)
    counts: collections.Counter[str] = collections.Counter()
    findings: list[str] = []
    started, begin = time.monotonic(), 0
    while (left := options.seconds - (time.monotonic() - started)) > 0 and begin < options.cases:
        command = [
            sys.executable,
            "-m",
            "tests.support.fuzz",
            "--child",
            str(begin),
            "--seconds",
            str(left),
        ]
        command += [
            "--cases",
            str(options.cases),
            "--seed",
            str(options.seed),
            "--target",
            options.target,
        ]
        command += ["--out", str(options.out)]
        with (options.out / "standard-error").open("wb") as noise:
            child = subprocess.run(
                command, stdout=subprocess.PIPE, stderr=noise, cwd=ROOT, check=False
            )
        for line in child.stdout.decode().splitlines():
            event = json.loads(line)
            counts.update(event["counts"])
            begin = event["next"]
            findings += [
                f"{options.out / name}: {what}" for name, what in event["findings"].items()
            ]
        if child.returncode:
            current = options.out / "current"
            if not current.exists():
                raise SystemExit(
                    f"the child did not start:\n{(options.out / 'standard-error').read_text()}"
                )
            begin = int((options.out / "number").read_text()) + 1
            saved = current.rename(options.out / f"crash-{options.seed}-{begin - 1}")
            findings.append(f"{saved}: {_reason(child.returncode)}")
    seconds = round(time.monotonic() - started, 1)
    return {
        "seed": options.seed,
        "seconds": seconds,
        "cases": begin,
        "counts": dict(counts),
        "findings": findings,
    }


def _run_cases(begin: int, options: argparse.Namespace) -> None:
    """In the child: cases from `begin` on, a line of JSON every now and then."""
    signal.signal(signal.SIGPROF, signal.SIG_DFL)  # ends the process, even within a decoder
    target, images = _target(options.target), sorted(broken.good().values())
    faulthandler.enable()
    current, place = options.out / "current", options.out / "number"
    ends, number = time.monotonic() + options.seconds, begin
    while number < options.cases and time.monotonic() < ends:
        counts: collections.Counter[str] = collections.Counter()
        findings: dict[str, str] = {}
        stop = min(number + LINE_CASES, options.cases)
        while number < stop and time.monotonic() < ends:
            data = case(options.seed, number, images)
            current.write_bytes(data)
            place.write_text(str(number))
            signal.setitimer(signal.ITIMER_PROF, CASE_SECONDS)
            outcome = _outcome(target, data, number)
            signal.setitimer(signal.ITIMER_PROF, 0)
            counts[outcome.partition(":")[0]] += 1
            if outcome.startswith("unexpected"):
                findings[f"error-{options.seed}-{number}"] = outcome
                (options.out / f"error-{options.seed}-{number}").write_bytes(data)
            number += 1
        print(json.dumps({"counts": counts, "next": number, "findings": findings}), flush=True)


def _outcome(target: Attack, data: bytes, number: int) -> str:
    """A refusal's code, `answered`, or a finding, which begins with `unexpected`."""
    before = _start_of_peak()
    answer = _answer(target, data, number)
    grown = (_memory("VmHWM") - before) / 1000
    return answer if grown < CASE_MB else f"unexpected: {grown:.0f} MB more memory, then: {answer}"


def _start_of_peak() -> int:
    """Let the kernel forget the most memory that this process ever had; what it has now, kB
    (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(field: str) -> int:
    line = next(
        line
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(field)
    )
    return int(line.split()[1])


def _answer(target: Attack, data: bytes, number: int) -> str:
    try:
        target(data, number)
    except ClientError as error:
        return error.code
    except Exception as error:  # whatever it is, it is a finding
        return f"unexpected: {type(error).__name__}: {error}"
    return "answered"


def _target(name: str) -> Attack:
    module, _, function = name.partition(":")
    found: Attack = getattr(importlib.import_module(module), function)
    return found


def _reason(status: int) -> str:
    if status == -signal.SIGPROF:
        return f"took more than {CASE_SECONDS:g} s of CPU"
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"ended with {status}"


# ---- mutations


def _flip_a_bit(rng: random.Random, data: bytearray) -> None:
    data[_place(rng, data)] ^= 1 << rng.randrange(8)


def _set_a_byte(rng: random.Random, data: bytearray) -> None:
    data[_place(rng, data)] = rng.randrange(256)


def _set_a_number(rng: random.Random, data: bytearray) -> None:
    place, size = _place(rng, data), rng.choice((2, 4, 8))
    value = rng.choice(NUMBERS) + rng.choice((-1, 0, 0, 1))
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(
        size, rng.choice(("big", "little"))
    )


def _cut_out(rng: random.Random, data: bytearray) -> None:
    place = _place(rng, data)
    del data[place : place + rng.choice((1, 2, 4, 16, 100))]


def _repeat(rng: random.Random, data: bytearray) -> None:
    place, length = _place(rng, data), rng.choice((1, 2, 4, 12, 60, 300))
    data[place:place] = data[place : place + length] * rng.choice((1, 1, 2, 20))


def _insert(rng: random.Random, data: bytearray) -> None:
    place = _place(rng, data)
    data[place:place] = rng.randbytes(rng.choice((1, 2, 4, 30)))


def _move(rng: random.Random, data: bytearray) -> None:
    source, target, length = _place(rng, data), _place(rng, data), rng.choice((2, 4, 12, 60))
    data[target : target + length] = data[source : source + length]


def _truncate(rng: random.Random, data: bytearray) -> None:
    if rng.random() < 0.3:
        del data[rng.randrange(len(data)) :]


def _place(rng: random.Random, data: bytearray) -> int:
    """Headers are where decoders decide, so half of all places are in the first 200 bytes."""
    return rng.randrange(min(len(data), 200) if rng.random() < 0.5 else len(data))


MUTATIONS: tuple[Mutation, ...] = (
    _flip_a_bit,
    _set_a_byte,
    _set_a_number,
    _set_a_number,
    _cut_out,
    _repeat,
    _insert,
    _move,
    _truncate,
)


def _with_right_checksums(png: bytes) -> bytes:
    """The same chunks with checksums that hold: else libpng looks no further than at those."""
    data, position = bytearray(png), 8
    while position + 12 <= len(data):
        end = position + 8 + int.from_bytes(data[position : position + 4], "big")
        if end + 4 > len(data):
            break
        data[end : end + 4] = zlib.crc32(data[position + 4 : end]).to_bytes(4, "big")
        position = end + 4
    return bytes(data)


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
