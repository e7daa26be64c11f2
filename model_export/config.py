"""The configuration of a training run: TOML files in `configs/`; unknown keys are refused."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from cutout.errors import DataError
from cutout.explain import in_words, reason
from cutout.imaging.preprocess import PreprocessSpec
from cutout.inference.manifest import DataSet

CONFIGS = Path(__file__).parent / "configs"
RUN_CONFIG = "config.json"
LICENSES = CONFIGS / "licenses.toml"
INHERITED_DATA = ("clips", "source_size", "part_sizes", "rendered")
"""Entries of [data] that fine-tuning takes from the network it starts from."""
INHERITED_TRAINING = ("frozen_levels",)
"""Entries of [training] that it takes from there: levels that never learned need not now."""
PRETRAINED_LEVELS = 5
"""Levels of a pretrained encoder, down to 1/32 of the input."""
RATES = ("warmup_epochs", "decay_epochs")


Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(gt=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Strict):
    """The images to train on: which sets, how often each is drawn, and what is made of them."""

    sets: tuple[str, ...] | None = Field(
        None, description="which sets of the data folder; all when absent"
    )
    clips: dict[str, str] = Field(
        {}, description="set -> regular expression; its group 1 names the clip in a stem"
    )
    weights: dict[str, Annotated[float, Field(ge=0)]] = Field(
        {}, description="set -> how often its images are drawn, 1 = as they come; of a/b that of a"
    )
    soft_weight: float = Field(
        1.0,
        gt=0,
        description="how often a teacher's label is drawn, times its certainty; a person's mask 1",
    )
    source_size: int | None = Field(
        None,
        ge=32,
        description="segmenter: side at which images are kept for augmentation; the canvas when "
        "absent",
    )
    rendered: tuple[str, ...] = Field(
        (), description="segmenter: folders of cutouts/ whose objects are drawn, not photographed"
    )
    most_rendered: float = Field(
        0.15, ge=0, le=1, description="segmenter: their share of what is pasted, at most"
    )
    parts_per_image: int = Field(
        8, ge=2, description="classifier: parts cut from each image, of both classes"
    )
    part_sizes: tuple[Share, ...] = Field(
        (0.2, 0.35, 0.5), description="classifier: side, share of the shorter side"
    )
    redraw_parts: bool = Field(False, description="classifier: cut new parts each epoch")
    foreground_share: float = Field(
        0.5,
        gt=0,
        lt=1,
        description="classifier: share of foreground among the parts; 0.5 cuts them in pairs of "
        "one size",
    )
    resample: Literal["none", "over", "under"] = Field(
        "none",
        description="classifier: repeat parts of the rare class, or leave out some of the common "
        "one, till even",
    )
    augment_only_rare: bool = Field(
        False, description="classifier: [augment] changes parts of the rare class alone"
    )


class CnnConfig(_Strict):
    """The classifier: Conv 32, pool, Conv 64, pool, Flatten, Dense 128, Dense 1 sigmoid."""

    kind: Literal["cnn"]
    filters: tuple[Positive, Positive] = Field(
        (32, 64), description="of the two convolutions; fewer make a smaller network"
    )
    dense: int = Field(128, ge=1, description="units of the hidden layer")
    kernel_size: int = Field(3, ge=1, le=11)
    activation: Literal["relu", "elu", "gelu", "silu", "tanh"] = "relu"
    dropout: float = Field(0.0, ge=0, lt=1)
    l2: float = Field(0.0, ge=0, description="penalty on squared weights, added to the loss")


class EncoderDecoderConfig(_Strict):
    """The segmenter, an encoder-decoder. Level n of the encoder works at 1/2^(n+1) of the input."""

    kind: Literal["encoder_decoder"]
    pretrained: Literal["none", "efficientnet_lite0"] = Field(
        "none",
        description="an encoder that ImageNet taught, for the first five levels; widths and blocks "
        "are then those of the levels below it",
    )
    widths: tuple[Positive, ...] = Field(
        (16, 32, 64, 128, 192, 192), description="channels of each encoder level"
    )
    blocks: tuple[Annotated[int, Field(ge=0)], ...] = Field(
        (0, 1, 2, 3, 2, 1), description="residual blocks in each encoder level"
    )
    decoder: tuple[Positive, ...] = Field(
        (16, 32, 48, 64, 96), description="channels of each decoder level"
    )
    dropout: float = Field(0.0, ge=0, lt=1, description="spatial dropout at the deepest level")
    l2: float = Field(0.0, ge=0, description="penalty on squared weights, added to the loss")
    mirror: bool = Field(
        False, description="serve the mean of the answers to an image and to its mirror image"
    )
    sharpness: float = Field(
        1.0,
        ge=1,
        le=8,
        description="serve the alpha with its logit times this: less faint alpha, the same outline",
    )

    @model_validator(mode="after")
    def _levels_agree(self) -> "EncoderDecoderConfig":
        if len(self.widths) != len(self.blocks) or self.levels != len(self.decoder) + 1:
            raise ValueError(
                "widths and blocks need one value a level, decoder one less than the encoder's "
                f"{self.levels} levels"
            )
        return self

    @property
    def levels(self) -> int:
        """How many levels the encoder has, a pretrained one's included."""
        return len(self.widths) + (PRETRAINED_LEVELS if self.is_pretrained else 0)

    @property
    def is_pretrained(self) -> bool:
        """Whether the first levels begin with what ImageNet taught them."""
        return self.pretrained != "none"


class SizeStep(_Strict):
    """A step of growing resolution: from an epoch on, the side of the input and the batch size."""

    from_epoch: int = Field(ge=0)
    size: int = Field(ge=32, multiple_of=32)
    batch_size: int = Field(ge=1)


class TrainingConfig(_Strict):
    """The optimiser and its schedule, how samples are drawn and weighted, and when to stop."""

    optimizer: Literal["adam", "adamw", "sgd", "rmsprop"] = "adam"
    learning_rate: float = Field(1e-3, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    warmup_epochs: float = Field(0.0, ge=0)
    decay_epochs: float = Field(
        0.0, ge=0, description="the last epochs, in which the rate falls to 0 (half a cosine)"
    )
    # below both rates, as a validator sees only fields above its own; the default is checked too,
    # or a file that gives rates alone would pass
    epochs: int = Field(10, ge=1, validate_default=True)
    batch_size: int = Field(32, ge=1)
    sizes: tuple[SizeStep, ...] = Field(
        (), description="segmenter: growing resolution; the canvas size when absent"
    )
    samples_per_epoch: int | None = Field(
        None, ge=1, description="all training samples when absent"
    )
    validate_every: int = Field(
        1, ge=1, description="epochs between two looks at the validation split"
    )
    patience: int = Field(
        0, ge=0, description="stop after so many epochs without a better score; 0 = never"
    )
    average: float = Field(
        0.0, ge=0, lt=1, description="weight averaging (EMA): share kept per step; 0 = off"
    )
    frozen_levels: int = Field(
        0, ge=0, description="segmenter: the first encoder levels, which keep their weights"
    )
    encoder_rate: float = Field(
        1.0,
        gt=0,
        le=1,
        description="segmenter: learning rate of a pretrained encoder, a share of learning_rate",
    )
    deep_supervision: bool = Field(
        True, description="segmenter: train the coarser alphas too, which are not served"
    )
    blend: float = Field(
        1.0,
        gt=0,
        le=1,
        description="fine-tuning: how far to go from the old weights towards the learned ones",
    )
    keep_share: float = Field(
        0.3, ge=0, lt=1, description="share of the samples that come from the folder of `--keep`"
    )
    class_weights: Literal["none", "balanced"] | tuple[float, float] = Field(
        "none",
        description="classifier: weights in the loss, of background and foreground; balanced: by "
        "1 / frequency",
    )
    dtype_policy: Literal["auto", "float32", "mixed_bfloat16"] = Field(
        "auto", description="auto: bfloat16 where this processor computes faster in it"
    )
    seed: int = 0

    @field_validator("epochs")
    @classmethod
    def _rates_fit_the_epochs(cls, epochs: int, info: ValidationInfo) -> int:
        warmup, decay = (float(info.data.get(key, 0)) for key in RATES)
        if warmup + decay > epochs:
            room = max(0.0, epochs - warmup)
            also = "" if warmup <= epochs else " --set training.warmup_epochs=0"
            raise ValueError(
                f"warmup_epochs {warmup:g} and decay_epochs {decay:g} are more than {epochs} "
                f"together; train for longer, or add --set training.decay_epochs={room:g}{also}"
            )
        return epochs


class Start(_Strict):
    """The network that fine-tuning started from, so that the new manifest can name it."""

    name: str
    version: str
    sha256: str = Field(description="of the .keras file")
    license: str
    sets: tuple[DataSet, ...] = Field((), description="what those weights had seen")
    kept: tuple[DataSet, ...] = Field(
        (), description="general images that were trained on beside the new ones"
    )


class AugmentConfig(_Strict):
    """Augmentation: how often each step happens and how strong it is. A probability of 0 is off."""

    flip: float = Field(0.5, ge=0, le=1, description="probability of a mirror image")
    min_crop: float = Field(
        0.55, gt=0, le=1, description="smallest side of a random crop, share of the canvas"
    )
    max_crop: float = Field(
        1.0, gt=0, le=2, description="largest side; above 1 zooms out over mirrored edges"
    )
    aspect: float = Field(
        0.2, ge=0, le=1, description="how far a crop's proportions may drift from 1"
    )
    rotate: float = Field(0.3, ge=0, le=1, description="probability of a rotation")
    max_degrees: float = Field(20, ge=0, le=180)
    color: float = Field(0.8, ge=0, le=1, description="probability of a change of colour")
    gray: float = Field(0.05, ge=0, le=1, description="probability of losing all colour")
    blur: float = Field(0.1, ge=0, le=1)
    noise: float = Field(0.1, ge=0, le=1)
    jpeg: float = Field(0.15, ge=0, le=1, description="probability of JPEG artefacts")
    paste: float = Field(
        0.0, ge=0, le=1, description="probability of a cut-out on another background instead"
    )
    borrow: float = Field(
        0.0, ge=0, le=1, description="share of the pasted that go beside another image"
    )
    behind: float = Field(
        0.0, ge=0, le=1, description="share of the pasted with another cut-out behind them"
    )
    second: float = Field(
        0.0, ge=0, le=1, description="share of the pasted with a second subject that counts too"
    )
    beyond: float = Field(
        0.0, ge=0, le=1, description="share of the pasted that reach beyond the image's edge"
    )
    shadows: float = Field(
        0.0, ge=0, le=1, description="share of the pasted with a shadow or a reflection beside"
    )
    holes: float = Field(
        0.0, ge=0, le=1, description="share of the pasted that are rings, frames, letters, wheels"
    )
    empty: float = Field(
        0.0, ge=0, le=1, description="probability of a background with nothing on it instead"
    )


class TrainConfig(_Strict):
    """A whole training run: network, preprocessing, data, augmentation, training."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$", description="the bundle's name")
    preprocess: PreprocessSpec
    network: Annotated[CnnConfig | EncoderDecoderConfig, Field(discriminator="kind")]
    data: DataConfig = DataConfig()
    augment: AugmentConfig | None = None
    training: TrainingConfig = TrainingConfig()
    start: Start | None = Field(
        None, description="what `train --from` started from; not written by hand"
    )

    @model_validator(mode="after")
    def _sizes_can_be_halved(self) -> "TrainConfig":
        if isinstance(self.network, EncoderDecoderConfig):
            step = 2**self.network.levels
            for size in (self.preprocess.size, *(entry.size for entry in self.training.sizes)):
                if size % step:
                    raise ValueError(
                        f"size {size}: {self.network.levels} levels of the encoder need multiples "
                        f"of {step}"
                    )
        return self

    @model_validator(mode="after")
    def _rare_parts_can_be_changed(self) -> "TrainConfig":
        if self.data.augment_only_rare and self.augment is None:
            raise ValueError("data.augment_only_rare needs an [augment], which says how; add one")
        return self


def config_names() -> list[str]:
    """Return the names of the configs in `configs/`, sorted."""
    return sorted(path.stem for path in CONFIGS.glob("*.toml") if path != LICENSES)


def load_config(
    name_or_path: str, overrides: Sequence[str] = (), base: TrainConfig | None = None
) -> TrainConfig:
    """Read a config by path, or by name from `configs/`.

    `overrides` are `section.key=value` as in TOML. `base` is the config to continue from: it gives
    the network and its input where the file names none. Where an override leaves fewer epochs than
    warm-up and decay take, both shrink in proportion.

    Raises DataError, naming the file and each key that is unknown or out of range.
    """
    path = (
        Path(name_or_path) if name_or_path.endswith(".toml") else CONFIGS / f"{name_or_path}.toml"
    )
    if not path.is_file():
        raise DataError(
            f"no config {name_or_path!r}; give a .toml file that exists, or one of "
            f"{', '.join(config_names())}"
        )
    try:
        values = tomllib.loads(path.read_text())
        if base:
            _inherit(values, base)
        elif "network" not in values:
            raise DataError(
                f"{path}: names no network; give --from BUNDLE to continue training its network"
            )
        stated = values.get("training", {})
        before = stated.get("epochs", TrainingConfig().epochs) if isinstance(stated, dict) else None
        keys = [override(values, text) for text in overrides]
        if "training.epochs" in keys and not any(f"training.{rate}" in keys for rate in RATES):
            _shorten_rates(values["training"], before)
        return TrainConfig.model_validate(values)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: invalid TOML: {error}") from error
    except ValidationError as error:
        raise DataError(
            f"{path}{' with --set' if overrides else ''}:\n{in_words(error, TrainConfig)}"
        ) from error


def read_run_config(run: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read the config of a training run from its directory, with overrides `section.key=value`.

    Raises DataError where there is none, or it is not one of a training run.
    """
    try:
        values = json.loads((run / RUN_CONFIG).read_bytes())
        for text in overrides:
            override(values, text)
        return TrainConfig.model_validate_json(json.dumps(values))
    except OSError as error:
        raise DataError(
            f"{run / RUN_CONFIG}: {reason(error)}; give the folder of a training run"
        ) from error
    except ValidationError as error:
        raise DataError(
            f"{run / RUN_CONFIG}: not the config of a training run:\n{in_words(error, TrainConfig)}"
        ) from error


def _inherit(values: dict[str, Any], base: TrainConfig) -> None:
    """Fill in what the file does not set from `base`: network, input, and how images are split."""
    inherited = base.model_dump(mode="json")
    for section in ("network", "preprocess", "start"):
        # as a whole: a file with [network] describes all of it
        values.setdefault(section, inherited[section])
    for section, keys in (("data", INHERITED_DATA), ("training", INHERITED_TRAINING)):
        stated = values.setdefault(section, {})
        # what is no table is reported with the other errors
        if isinstance(stated, dict):
            for key in keys:
                stated.setdefault(key, inherited[section][key])


def _shorten_rates(training: dict[str, Any], before: Any) -> None:
    """Shorten warm-up and decay in proportion to the epochs, where they no longer fit.

    `before` is how many epochs there were.
    """
    epochs = training["epochs"]
    rates = {key: training[key] for key in RATES if key in training}
    if not all(isinstance(value, int | float) for value in (epochs, before, *rates.values())):
        return  # what is not a number is reported with the other errors
    if 0 < epochs < before and sum(rates.values()) > epochs:
        training.update({key: value * epochs / before for key, value in rates.items()})


def override(values: dict[str, Any], text: str) -> str:
    """Set one entry of nested tables from `section.key=value` as in TOML, and return its key.

    A bare word is text. Raises DataError where the text has another form.
    """
    key, separator, value = text.partition("=")
    if not separator:
        raise DataError(f"--set {text}: write it as section.key=value, as in training.epochs=3")
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        parsed = value
    *sections, last = key.strip().split(".")
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            raise DataError(f"{text}: {section} is an entry, not a section with entries of its own")
    values[last] = parsed
    return key.strip()
