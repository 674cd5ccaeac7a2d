"""The contract of every registered encoder. Those with large published weights are built small, with random
ones.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace
from importlib.util import find_spec
from typing import get_args

import numpy as np
import pytest
import torch

from mmer_core import encoders
from mmer_core.clip import Absent, Clip, Dialogue
from mmer_core.encoders import ModalityEncoder
from mmer_core.encoders.backends.face_ensemble import FaceEnsemble, save_network
from mmer_core.encoders.backends.face_network import FaceNetwork
from mmer_core.encoders.base import Timing
from mmer_core.encoders.request import EncoderRequest
from mmer_core.labels import Modality
from mmer_core.media.voice_activity import AROUND
from mmer_core.options import REQUIRED, options_of

#: An optional package brings one of them; without it, it is unavailable (see test_opensmile_lld).
BUILDABLE = [name for name in encoders.names() if name != "opensmile_lld" or find_spec("opensmile")]
RANDOM = ("bert", "mpnet", "clip", "resnet50", "vggish", "whisper")
#: Settings that change what an encoder gives, so its fingerprint must change too.
VARIANTS = {
    "bert": [
        "bert:random_init=0:sequence=yes",
        "bert:random_init=0:pooling=cls",
        "bert:random_init=0:plain=yes",
        "bert:random_init=1",
    ],
    "mpnet": ["mpnet:random_init=1"],
    "clip": ["clip:random_init=0:look=face", "clip:random_init=1"],
    "resnet50": ["resnet50:random_init=0:look=frames", "resnet50:random_init=1"],
    "mel_cnn": ["mel_cnn:seconds=0", "mel_cnn:seconds=1.5"],
    "vggish": ["vggish:random_init=0:step=0.48", "vggish:random_init=1"],
    "whisper": ["whisper:random_init=1"],
}


@pytest.fixture(scope="module")
def face_weights(tmp_path_factory):
    path = tmp_path_factory.mktemp("face") / "face.safetensors"
    torch.manual_seed(0)
    save_network(FaceEnsemble([FaceNetwork()]), path)
    return path


def build(name: str, face_weights) -> ModalityEncoder:
    options = (
        {"random_init": 0} if name in RANDOM else {"weights": face_weights} if name == "face_cnn" else {}
    )
    return encoders.create(name, **options)


@pytest.fixture(scope="module", params=BUILDABLE)
def encoder(request, face_weights) -> ModalityEncoder:
    return build(request.param, face_weights)


def test_features_are_finite_rows_of_the_width_that_the_spec_says(encoder, clip_of):
    features = encoder.encode(clip_of())
    assert features.dtype == np.float32
    assert features.ndim == 2
    assert len(features) >= 1
    assert features.shape[1] == encoder.spec.dim
    assert np.isfinite(features).all()


def test_a_clip_with_nothing_in_it_is_absent_with_a_reason(encoder):
    with pytest.raises(Absent) as caught:
        encoder.encode(Clip("nothing", "0" * 64, "video"))
    reason = str(caught.value)
    assert 5 < len(reason) < 100
    assert not reason.endswith(".")


def test_a_reason_known_from_decoding_is_kept(encoder):
    with pytest.raises(Absent, match=r"^the stream is encrypted$"):
        encoder.encode(
            Clip("a", "0" * 64, "video", absent={encoder.spec.modality: "the stream is encrypted"})
        )


def test_what_came_before_does_not_matter(encoder, clip_of):
    first, second = clip_of(0), clip_of(1)
    alone = encoder.encode(first)
    other = encoder.encode(second)
    np.testing.assert_array_equal(encoder.encode(first), alone)
    np.testing.assert_array_equal(encoder.encode(second), other)
    assert alone.shape != other.shape or not np.allclose(alone, other)


def test_the_clip_is_left_as_it_was(encoder, clip_of):
    clip = clip_of()
    before = replace(clip, frames=clip.frames.copy(), waveform=clip.waveform.copy())
    encoder.encode(clip)
    np.testing.assert_array_equal(clip.frames, before.frames)
    np.testing.assert_array_equal(clip.waveform, before.waveform)


def test_it_carries_a_full_record(encoder, face_weights):
    spec = encoder.spec
    assert isinstance(encoder, ModalityEncoder)
    assert spec.modality is encoders.modality_of(spec.name)
    assert all((spec.source, spec.revision, spec.licence, spec.preprocessing))
    assert re.fullmatch("[0-9a-f]{16}", spec.fingerprint)
    assert build(spec.name, face_weights).spec.fingerprint == spec.fingerprint
    if spec.name in RANDOM:
        assert spec.revision == "random-0"
        assert spec.source == "this project"


@pytest.mark.parametrize("name", VARIANTS)
def test_other_settings_have_other_fingerprints_and_other_features(name, clip_of, face_weights):
    plain = build(name, face_weights)
    variants = [EncoderRequest.parse(text).create() for text in VARIANTS[name]]
    assert len({e.spec.fingerprint for e in [plain, *variants]}) == len(variants) + 1
    clip = clip_of(0, seconds=4.0)
    features = plain.encode(clip)
    for variant in variants:
        changed = variant.encode(clip)
        assert changed.shape[1] == variant.spec.dim
        assert changed.shape != features.shape or not np.allclose(changed, features, atol=1e-5)


@pytest.mark.parametrize("name", encoders.names())
def test_every_name_leads_to_its_own_encoder(name):
    made = encoders.factory(name)
    assert encoders.ENCODERS.factory(name) is made


def test_the_published_names_are_there():
    assert {
        "minilm",
        "mpnet",
        "bert",
        "face_cnn",
        "clip",
        "resnet50",
        "haar_stats",
        "mel_cnn",
        "vggish",
        "librosa_stats",
        "lld",
        "dialogue",
    } <= set(encoders.names())


def test_an_unknown_name_lists_the_known_ones():
    for ask in (encoders.create, encoders.factory, encoders.modality_of):
        with pytest.raises(ValueError, match="unknown encoder 'berd': choose one of minilm, mpnet, bert"):
            ask("berd")


def test_rows_follow_time_as_the_spec_says(encoder, clip_of):
    spec, clip = encoder.spec, clip_of(seconds=4.0)
    rows = len(encoder.encode(clip))
    assert spec.timing in get_args(Timing)
    assert (spec.timing == "rate") == (spec.rate is not None)
    if spec.timing == "rate":
        shorter = len(encoder.encode(replace(clip, waveform=clip.waveform[: len(clip.waveform) // 2])))
        assert shorter <= rows
        around = 2 * AROUND if spec.spoken_part else 0.0
        assert shorter == pytest.approx((2.0 + around) * spec.rate, abs=max(3, 0.1 * 2 * spec.rate))
    elif spec.timing in ("faces", "frames"):
        assert spec.needs_faces == (spec.timing == "faces")
        assert rows == len(clip.faces if spec.timing == "faces" else clip.frames)
    elif spec.timing == "sentences":
        assert spec.modality is Modality.TEXT


def test_the_dialogue_counts_where_the_spec_says_so(encoder, clip_of):
    clip = clip_of()
    elsewhere = replace(
        clip, dialogue=Dialogue(0, 3, 9.0, ("Nobody told me.", "I really did not know that."))
    )
    same = np.array_equal(encoder.encode(clip), encoder.encode(elsewhere))
    assert same != encoder.spec.reads_dialogue


def test_capabilities_do_not_change_the_fingerprint(encoder):
    spec = encoder.spec
    assert (
        replace(spec, timing="clip", reads_dialogue=not spec.reads_dialogue).fingerprint == spec.fingerprint
    )
    assert replace(spec, revision="another").fingerprint != spec.fingerprint


@pytest.mark.parametrize("name", encoders.names())
def test_its_facts_and_options_can_be_shown(name):
    entry = encoders.ENCODERS.entry(name)
    assert entry.module == f"mmer_core.encoders.{name}"
    assert 10 < len(entry.description) < 90
    assert not entry.description.endswith(".")
    for option in options_of(encoders.factory(name)):
        assert option.help, f"{name} does not explain its option {option.name}"
        assert option.default is not REQUIRED


def test_listing_them_loads_no_heavy_library():
    heavy = {"torch", "transformers", "open_clip", "timm", "librosa", "cv2"}
    code = f"import sys; from mmer_core import encoders; encoders.names(); print({heavy} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
