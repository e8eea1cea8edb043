"""How a model rests: typed msgpack of names, numbers and arrays behind a checksum. Nothing in it can run when it is read."""

import hashlib
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec
import numpy as np
from msgspec import Struct

from models.failure.features import Preparation
from models.failure.hazard import HazardModel, Interval
from models.failure.life import LifeModel
from models.failure.regimes import Regimes
from models.failure.trees import Trees

FORMAT: Final = 1
_MAGIC: Final = b"chargewell failure model\n"
_PACKED: Final = b"chargewell packed model\n"
_DIGEST: Final = 32
_LARGEST: Final = 500_000_000


class BundleError(ValueError):
    """The bytes are not a failure model that this version can read; the text says why."""


@dataclass(frozen=True, slots=True)
class Bundle:
    """A trained model with what must be known of it.

    `version` names it; `span` is the first and last time of its training data, in the history's unit of time; `scores`
    are figures by name, as judged on other data than it was trained on. The features are in `features`.
    """

    version: str
    span: tuple[int, int]
    preparation: Preparation
    hazards: tuple[HazardModel, ...] = ()
    life: LifeModel | None = None
    scores: dict[str, float] = field(default_factory=dict)

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """The features of each family's model, and of `remaining life`, in order."""
        named = {model.family: model.names for model in self.hazards}
        return named if self.life is None else {**named, "remaining life": self.life.names}


class _Array(Struct, forbid_unknown_fields=True):
    kind: str
    shape: tuple[int, ...]
    body: bytes


class _Trees(Struct, forbid_unknown_fields=True):
    base: float
    features: int
    arrays: dict[str, _Array]


class _Interval(Struct, forbid_unknown_fields=True):
    trees: _Trees | None
    gain: float
    offset: float


class _Hazard(Struct, forbid_unknown_fields=True):
    family: str
    component: int | None
    edges: tuple[int, ...]
    names: tuple[str, ...]
    intervals: tuple[_Interval, ...]


class _Life(Struct, forbid_unknown_fields=True):
    cap: int
    names: tuple[str, ...]
    trees: _Trees


class _Rest(Struct, forbid_unknown_fields=True):
    format: int
    version: str
    span: tuple[int, int]
    signature: tuple[tuple[str, ...], ...]
    regimes: dict[str, _Array]
    kept: _Array
    joint: _Array
    hazards: tuple[_Hazard, ...]
    life: _Life | None
    scores: dict[str, float]


_REGIMES: Final = ("scale", "centres", "weights", "spread")
_TREES: Final = ("feature", "threshold", "left", "right", "missing_left", "value")


def encode(bundle: Bundle) -> bytes:
    """The bundle as bytes; the same bundle gives the same bytes."""
    preparation = bundle.preparation
    rest = _Rest(
        format=FORMAT,
        version=bundle.version,
        span=bundle.span,
        signature=preparation.signature,
        regimes={name: _array_out(getattr(preparation.regimes, name)) for name in _REGIMES},
        kept=_array_out(preparation.kept.astype(np.int64)),
        joint=_array_out(preparation.weights),
        hazards=tuple(_hazard_out(model) for model in bundle.hazards),
        life=None if bundle.life is None else _life_out(bundle.life),
        scores=bundle.scores,
    )
    body = msgspec.msgpack.encode(rest)
    return _MAGIC + hashlib.blake2b(body, digest_size=_DIGEST).digest() + body


def decode(data: bytes) -> Bundle:
    """The inverse of `encode`. BundleError for anything else: foreign, damaged, cut short, of a later format.

    The checksum finds damage, not forgery; what a forged file can do is answer wrongly, never run.
    """
    if len(data) > _LARGEST:
        raise BundleError(f"the file has {len(data)} bytes; a failure model has at most {_LARGEST}")
    if not data.startswith(_MAGIC):
        raise BundleError("this is not a failure model of Chargewell; give a file that `encode` made")
    digest, body = data[len(_MAGIC) :][:_DIGEST], data[len(_MAGIC) + _DIGEST :]
    if hashlib.blake2b(body, digest_size=_DIGEST).digest() != digest:
        raise BundleError("the file is damaged (its checksum does not fit); take it from its source again")
    try:
        return _bundle(msgspec.msgpack.decode(body, type=_Rest))
    except BundleError:
        raise
    except (msgspec.DecodeError, ValueError, KeyError) as error:
        raise BundleError(f"the file does not hold a whole failure model: {error}") from error


def pack(bundle: Bundle) -> bytes:
    """`encode`, compressed: how a model rests in a file or table."""
    return _PACKED + zlib.compress(encode(bundle), 9)


def unpack(data: bytes) -> Bundle:
    """The inverse of `pack`; BundleError as `decode`. What unfolds beyond the size that a model may have is refused unread."""
    if not data.startswith(_PACKED):
        raise BundleError("this is not a packed failure model of Chargewell; give a file that `chargewell train` made")
    unfolding = zlib.decompressobj()
    try:
        body = unfolding.decompress(data[len(_PACKED) :], _LARGEST + 1)
    except zlib.error as error:
        raise BundleError(f"the file is damaged ({error}); take it from its source again") from error
    return decode(body)


def _bundle(rest: _Rest) -> Bundle:
    if rest.format != FORMAT:
        raise BundleError(f"the file has format {rest.format}; this version reads {FORMAT}: train the model anew")
    preparation = _preparation(rest)
    return Bundle(
        version=rest.version,
        span=rest.span,
        preparation=preparation,
        hazards=tuple(_hazard(model) for model in rest.hazards),
        life=None if rest.life is None else _life(rest.life),
        scores=rest.scores,
    )


def _regimes(rest: _Rest) -> Regimes:
    regimes = Regimes(**{name: _array_in(rest.regimes[name], "<f8") for name in _REGIMES})
    if len(rest.signature) != 5:
        raise BundleError("the file names no columns")
    channels, settings = len(rest.signature[0]), len(rest.signature[1])
    clusters = len(regimes.centres)
    shapes = ((settings,), (clusters, settings), (clusters, 1 + settings, channels), (clusters, channels))
    if clusters == 0 or tuple(getattr(regimes, name).shape for name in _REGIMES) != shapes:
        raise BundleError("the operating regimes in the file do not fit its columns")
    return regimes


def _preparation(rest: _Rest) -> Preparation:
    regimes = _regimes(rest)
    channels = len(rest.signature[0])
    kept, weights = _array_in(rest.kept, "<i8"), _array_in(rest.joint, "<f8")
    if kept.ndim != 1 or kept.min(initial=0) < 0 or kept.max(initial=-1) >= channels:
        raise BundleError("the file keeps channels that it does not name")
    if weights.ndim != 2 or len(weights) != len(kept):
        raise BundleError("the joint channels in the file do not fit its channels")
    return Preparation(regimes, kept, weights, rest.signature)


def _hazard_out(model: HazardModel) -> _Hazard:
    intervals = tuple(
        _Interval(None if i.trees is None else _trees_out(i.trees), i.gain, i.offset) for i in model.intervals
    )
    return _Hazard(model.family, model.component, model.edges, model.names, intervals)


def _hazard(rest: _Hazard) -> HazardModel:
    if len(rest.intervals) != len(rest.edges) - 1 or list(rest.edges) != sorted(set(rest.edges)):
        raise BundleError(f"the model of {rest.family} has {len(rest.intervals)} intervals for edges {rest.edges}")
    intervals = tuple(
        Interval(None if i.trees is None else _trees(i.trees, rest.names), i.gain, i.offset) for i in rest.intervals
    )
    return HazardModel(rest.family, rest.component, rest.edges, rest.names, intervals)


def _life_out(model: LifeModel) -> _Life:
    return _Life(model.cap, model.names, _trees_out(model.trees))


def _life(rest: _Life) -> LifeModel:
    return LifeModel(rest.cap, rest.names, _trees(rest.trees, rest.names))


def _trees_out(trees: Trees) -> _Trees:
    return _Trees(trees.base, trees.features, {name: _array_out(getattr(trees, name)) for name in _TREES})


def _trees(rest: _Trees, names: tuple[str, ...]) -> Trees:
    if rest.features != len(names):
        raise BundleError(f"trees over {rest.features} features, but {len(names)} are named")
    kinds = ("<i4", "<f8", "<i4", "<i4", "|b1", "<f8")
    arrays = {name: _array_in(rest.arrays[name], kind) for name, kind in zip(_TREES, kinds, strict=True)}
    return Trees(rest.base, rest.features, **arrays)


def _array_out(array: np.ndarray) -> _Array:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return _Array(little.dtype.str, little.shape, little.tobytes())


def _array_in(rest: _Array, kind: str) -> Any:
    if rest.kind != kind:
        raise BundleError(f"an array of {rest.kind} where {kind} is needed")
    return np.frombuffer(rest.body, np.dtype(kind)).reshape(rest.shape).copy()
