"""READ FIRST: the whole job. An image goes in; a score, a mask or a cut-out comes out.

    plan -> decode -> mask -> compose -> write

`Plan` has every size of a job before a pixel is decoded. Then each stage runs once, in this order.
Each `clock.stage` is an entry of `Server-Timing`. At the start of each, a job whose deadline has
passed, or whose client has disconnected, stops. Runs in any thread; knows nothing of HTTP.
"""

from cutout import framing
from cutout.errors import InvalidOption
from cutout.finishing import compose
from cutout.imaging.box import Size
from cutout.imaging.compose import LazyCutout, multiply_alphas
from cutout.imaging.decode import Raster
from cutout.imaging.encode import Attached
from cutout.imaging.mask import to_size
from cutout.imaging.metadata import for_answer
from cutout.imaging.preprocess import resize
from cutout.inference.predictor import coarse_alpha
from cutout.inference.registry import Registry
from cutout.masking import make_alpha, prepare_ahead, read_trimap
from cutout.options import CutoutOptions, Format, MaskOptions, PredictOptions
from cutout.plan import Plan, ScorePlan
from cutout.results import Result, Score, Subject, T
from cutout.sources import Source
from cutout.system.clock import Clock
from cutout.system.idle import idle_cores

KEPT_BESIDE_SRGB = (
    "keep_profile cannot be combined with a background or an outline, whose colours are sRGB; "
    "leave one of them out"
)

NO_PROFILE = "keep_profile: a GIF cannot have a colour profile; choose another format"


# As a decorator, a context manager of contextlib is made again for each call.
@idle_cores.occupying_one()
def cut_out(
    source: Source[T],
    options: CutoutOptions,
    models: Registry,
    clock: Clock,
    background: Source[object] | None = None,
    given: Source[object] | None = None,
) -> Result[T]:
    """Remove the background of an image, or put another one behind its subject.

    `given` is a mask by the caller: white is kept, black dropped, and the network decides on the
    rest. The content of the result is what `source.write` makes of it.

    Raises InvalidOption (also as RegionOutOfBounds and RegionEmpty) for options that exclude each
    other or do not fit the image, UnknownModel where no loaded model has the name, ImageTooLarge
    where the result would be, UndecodableImage where an image is corrupt, and between stages
    TooSlow or Abandoned, as `clock` says.
    """
    if options.keep_profile and (background is not None or options.adds_colors):
        raise InvalidOption(KEPT_BESIDE_SRGB)
    if options.keep_profile and options.format is Format.gif:
        raise InvalidOption(NO_PROFILE)
    framing.check(options, source.max_pixels)
    predictor = models.for_masks(options.model)
    plan = Plan.of(source.header, options, predictor)
    trimap = read_trimap(given, plan, clock)
    image = _decode(source, plan, clock, options.keep_profile)
    ahead = prepare_ahead(image, plan, options, predictor, with_colors=True)
    alpha = make_alpha(image, plan, options, predictor, trimap, clock, ahead)
    with clock.stage("postprocess"):
        # Nothing is cut out yet: a PNG without effects is drawn band by band while it is encoded.
        matte = multiply_alphas(alpha, image.alpha)
        cut = LazyCutout(image.shown, matte, None if ahead is None else ahead().colors)
        subject = Subject.of(cut.alpha, plan.upload)
    pixels, crop = compose(cut, plan, options, source.max_pixels, background, clock)
    with clock.stage("encode"):
        said = for_answer(source.metadata(), options.keep_metadata, options.keep_gps)
        attached = Attached(image.profile, said)
        content = source.write(pixels, options.format, attached, options.quality)
    size = Size(pixels.shape[1], pixels.shape[0])
    dropped = source.header.frames - 1
    return Result(
        content, size, plan.upload, subject, predictor.manifest, crop, image.rows, dropped
    )


@idle_cores.occupying_one()
def mask(
    source: Source[T],
    options: MaskOptions,
    models: Registry,
    clock: Clock,
    given: Source[object] | None = None,
) -> Result[T]:
    """Make the alpha of an image, as an 8-bit grey image: 0 background, 255 foreground.

    `given` is a mask by the caller: white is kept, black dropped, and the network decides on the
    rest.

    Raises InvalidOption (also as RegionOutOfBounds and RegionEmpty), UnknownModel,
    UndecodableImage, and between stages TooSlow or Abandoned, as `clock` says.
    """
    predictor = models.for_masks(options.model)
    plan = Plan.of(source.header, options, predictor)
    trimap = read_trimap(given, plan, clock)
    image = _decode(source, plan, clock)
    ahead = prepare_ahead(image, plan, options, predictor, with_colors=False)
    alpha = make_alpha(image, plan, options, predictor, trimap, clock, ahead)
    with clock.stage("postprocess"):
        subject = Subject.of(alpha, plan.upload)
        # The working size may be larger, where the network would see too little otherwise.
        alpha = resize(alpha, *plan.answer)
    with clock.stage("encode"):
        content = source.write(alpha, Format.png)
    return Result(
        content,
        plan.answer,
        plan.upload,
        subject,
        predictor.manifest,
        rows=image.rows,
        frames_dropped=source.header.frames - 1,
    )


@idle_cores.occupying_one()
def score(source: Source[object], options: PredictOptions, models: Registry, clock: Clock) -> Score:
    """Compute how likely an image shows foreground and, if requested, what a mask says of it.

    Raises UnknownModel, UndecodableImage, and between stages TooSlow or Abandoned, as `clock` says.
    """
    scorer = models.for_scores(options.model)
    masker = models.for_masks() if options.subject else None
    plan = ScorePlan.of(source.header, scorer, masker)
    with clock.stage("decode"):
        image = source.decode(plan.factor)
        seen = image if plan.mask_factor == plan.factor else source.decode(plan.mask_factor)
        clock.pixels = source.header.pixels
    coarse = subject = None
    if masker is not None:
        coarse = coarse_alpha(masker, seen.image, clock)
        with clock.stage("postprocess"):
            subject = Subject.of(to_size(coarse, *seen.size), image.upload)
    with clock.stage("inference"):
        # A segmenter that is both scores by the alpha that it has made already.
        probability = scorer.probability(image.image, coarse if masker is scorer else None)
    return Score(
        probability, image.upload, scorer.manifest, subject, image.rows, source.header.frames - 1
    )


def _decode(source: Source[object], plan: Plan, clock: Clock, keep_profile: bool = False) -> Raster:
    with clock.stage("decode"):
        image = source.decode(plan.factor, plan.working, keep_profile)
        clock.pixels = source.header.pixels
        return image
