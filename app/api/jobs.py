"""Jobs of the engine, run in the worker threads under admission; every route calls them."""

from cutout import animation, remover
from cutout.errors import ClientError
from cutout.options import CutoutOptions, MaskOptions, PredictOptions
from cutout.results import Result, Score
from cutout.sources import File, Upload
from cutout.system.clock import Clock

from ..admission.workers import Job
from .services import Services


async def cut_out(
    services: Services,
    clock: Clock,
    image: bytes,
    options: CutoutOptions,
    background: bytes | None = None,
    given: bytes | None = None,
) -> Result[File]:
    """Cut out an image, and put the one in `background` behind it.

    `given` is a mask by the caller. Raises ClientError where an image cannot be read or an option
    is invalid, TooSlow after the deadline, Abandoned where the client disconnects, and OutOfMemory.
    """

    def prepare() -> Job[Result[File]]:
        upload = _upload(services, image)
        behind = None if background is None else _upload(services, background, "background_image")
        known = None if given is None else _upload(services, given, "mask")
        return Job(
            animation.weight(upload, options) + _pixels(behind, known),
            lambda clock: animation.cut_out(upload, options, services.models, clock, behind, known),
        )

    return await services.workers.run(prepare, clock)


async def mask(
    services: Services,
    clock: Clock,
    image: bytes,
    options: MaskOptions,
    given: bytes | None = None,
) -> Result[File]:
    """Make the mask of an image; `given` is a mask by the caller.

    Raises ClientError where an image cannot be read or an option is invalid, TooSlow after the
    deadline, Abandoned where the client disconnects, and OutOfMemory.
    """

    def prepare() -> Job[Result[File]]:
        upload = _upload(services, image)
        known = None if given is None else _upload(services, given, "mask")
        return Job(
            _pixels(upload, known),
            lambda clock: remover.mask(upload, options, services.models, clock, known),
        )

    return await services.workers.run(prepare, clock)


async def score(services: Services, clock: Clock, image: bytes, options: PredictOptions) -> Score:
    """Score an image.

    Raises ClientError where it cannot be read, TooSlow after the deadline, Abandoned where the
    client disconnects, and OutOfMemory.
    """

    def prepare() -> Job[Score]:
        upload = _upload(services, image)
        return Job(
            upload.header.weight,
            lambda clock: remover.score(upload, options, services.models, clock),
        )

    return await services.workers.run(prepare, clock)


def _upload(services: Services, data: bytes, name: str | None = None) -> Upload:
    """Read an image's header; an error names the image where it is not the only one."""
    try:
        return Upload.read(data, services.settings.max_pixels, services.settings.max_frames)
    except ClientError as error:
        if name is None:
            raise
        raise type(error)(f"{name}: {error.detail}") from error


def _pixels(*images: Upload | None) -> int:
    return sum(image.header.weight for image in images if image is not None)
