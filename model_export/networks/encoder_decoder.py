"""The segmenter: an encoder-decoder CNN, every pixel classified."""

from functools import partial
from typing import Any

import keras
from keras import layers

from cutout.imaging.preprocess import PreprocessSpec
from model_export.config import EncoderDecoderConfig
from model_export.networks.efficientnet import efficientnet_levels
from model_export.networks.normalization import BATCH_NORM_MOMENTUM, FusedBatchNormalization


def build_encoder_decoder(
    config: EncoderDecoderConfig,
    spec: PreprocessSpec,
    size: int | None = None,
    *,
    training: bool = False,
) -> keras.Model:
    """Build the segmenter: from (N, S, S, C), normalised, to alphas (N, s, s, 1) in [0, 1].

    The first alpha has the input's size, the others are coarser. `size` is S, None for any.

    The first levels may be those of a pretrained encoder, whose weights `take_encoder` loads. All
    others are plain 3x3 convolutions, which train and run fast on a CPU. The encoder goes down to
    1/64, where one convolution sees the whole image (extreme downsampling: EDN, arXiv 2012.13093);
    most parameters sit there and cost little time. The decoder goes up by bilinear steps and adds
    the encoder's features at each level. The coarser alphas are for deep supervision (U^2-Net,
    arXiv 2005.09007) and are dropped by `inference_model`. `training` selects the faster kernels;
    the weights are the same, one for one.
    """
    l2 = keras.regularizers.L2(config.l2) if config.l2 else None
    norm = partial(
        FusedBatchNormalization if training else layers.BatchNormalization,
        momentum=BATCH_NORM_MOMENTUM,
    )
    conv = partial(_conv, norm=norm, l2=l2)
    image = features = keras.Input((size, size, spec.channels), name="image")
    skips: list[Any] = []
    if config.is_pretrained:
        skips = efficientnet_levels(image, conv, norm, training=training)
        features = skips[-1]
    own = zip(config.widths, config.blocks, strict=True)
    for level, (width, count) in enumerate(own, start=len(skips)):
        features = conv(features, width, stride=2, name=f"down{level}")
        for number in range(count):
            features = _residual_block(conv, features, width, name=f"encode{level}_{number}")
        skips.append(features)
    if config.dropout:
        features = layers.SpatialDropout2D(config.dropout, name="dropout")(features)
    alphas = []
    # one level less than the encoder has: no lateral takes the last skip, from which this starts
    for level in reversed(range(len(config.decoder))):
        width = config.decoder[level]
        # narrowed before it is enlarged: afterwards the same convolution has four times the pixels
        features = conv(features, width, kernel=1, name=f"narrow{level}")
        features = layers.UpSampling2D(2, interpolation="bilinear", name=f"up{level}")(features)
        lateral = conv(skips[level], width, kernel=1, name=f"lateral{level}")
        features = layers.Add(name=f"join{level}")([features, lateral])
        features = conv(features, width, name=f"decode{level}")
        alphas.append(_alpha_head(features, f"alpha{level}", enlarge=level == 0))
    # made from coarse to fine, returned from fine to coarse: the first is the one that is served
    return keras.Model(image, alphas[::-1], name="encoder_decoder")


def added_blocks(model: keras.Model, saved: keras.Model) -> set[str]:
    """Return the names of the layers of `model`'s residual blocks that `saved` has not."""
    known = {layer.name for layer in saved.layers}
    return {layer.name for layer in model.layers if layer.name.startswith("encode")} - known


def freeze(model: keras.Model, levels: int) -> None:
    """Freeze the first `levels` levels of an encoder, their batch statistics included."""
    names = tuple(f"{part}{level}" for level in range(levels) for part in ("down", "encode"))
    for layer in model.layers:
        # a prefix, as down0_norm and encode0_1_a_norm belong to their convolutions
        if layer.name.startswith(names):
            # Keras runs a frozen BatchNormalization by its moving statistics, and keeps them
            layer.trainable = False


def _alpha_head(features: Any, name: str, enlarge: bool) -> Any:
    # float32 under mixed_bfloat16 too: the loss clips alphas at 1 - 1e-6, in bfloat16 that is 1
    logits = layers.Conv2D(1, 3, padding="same", dtype="float32", name=f"{name}_logits")(features)
    if enlarge:
        logits = layers.UpSampling2D(
            2, interpolation="bilinear", dtype="float32", name=f"{name}_up"
        )(logits)
    return layers.Activation("sigmoid", dtype="float32", name=name)(logits)


def _residual_block(conv: Any, features: Any, width: int, name: str) -> Any:
    """Stack two 3x3 convolutions beside a shortcut (He et al., arXiv 1512.03385).

    Untrained, it passes its input through unchanged: the branch is scaled by 0 (Goyal et al., arXiv
    1706.02677). So a block can be added to a trained network without changing what it answers.
    """
    # the convolution before has this width already, so the shortcut needs none of its own
    branch = conv(features, width, name=f"{name}_a")
    # no ReLU before the sum: the branch could only add, and never take away
    branch = conv(branch, width, activate=False, gamma="zeros", name=f"{name}_b")
    return layers.ReLU(name=f"{name}_relu")(layers.Add(name=f"{name}_add")([features, branch]))


def _conv(
    features: Any,
    width: int,
    *,
    norm: Any,
    l2: Any,
    name: str,
    kernel: int = 3,
    stride: int = 1,
    activate: bool = True,
    ceiling: float | None = None,
    gamma: str = "ones",
) -> Any:
    features = layers.Conv2D(
        width,
        kernel,
        strides=stride,
        padding="same",
        # the normalisation behind it takes off the mean, and a bias with it
        use_bias=False,
        kernel_regularizer=l2,
        name=name,
    )(features)
    features = norm(gamma_initializer=gamma, name=f"{name}_norm")(features)
    return layers.ReLU(max_value=ceiling, name=f"{name}_act")(features) if activate else features
