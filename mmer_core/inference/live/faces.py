"""Reading the faces of one picture, all in one batch where the model's encoder gives a row for each face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mmer_core.clip import Clip, FaceTrack
from mmer_core.inference.emotion_model import EmotionModel
from mmer_core.inference.live.following import FaceFollower
from mmer_core.inference.live.moment import SeenFace
from mmer_core.inference.live.people import PeopleTracker, Person
from mmer_core.inference.live.settings import LiveSettings
from mmer_core.labels import Modality
from mmer_core.media.face_crops import Detection, crop_face
from mmer_core.media.upright import levelled
from mmer_core.media.yunet import Detector

WHOLE = 0  # in place of a person's number: the whole picture was read
NO_FACE = "no face in view"


class FaceReader:
    """Finds the people of a running picture and reads their faces.

    Args:
        model: with an encoder of the face, if it is to read any.
        settings: how often and how many.
        detect: another face detector than YuNet.
    """

    def __init__(self, model: EmotionModel, settings: LiveSettings, detect: Detector | None = None) -> None:
        self.people = PeopleTracker(settings.away, settings.faces_read)
        self._model = model
        self._follower = FaceFollower(detect, settings.search_every)

    def read(self, picture: np.ndarray, at: float) -> tuple[list[Person], dict[int, np.ndarray], str]:
        """The people in a picture (H, W, 3) uint8 RGB that was taken at `at` seconds, and the features and
        the reason of `read_faces`.
        """
        people = self.people.follow(self._follower.find(picture, at), at, picture.shape)
        return people, *read_faces(self._model, picture, people, self._follower.detect)

    def seen(
        self, people: Sequence[Person], recent: Mapping[int, np.ndarray], shape: tuple[int, ...], at: float
    ) -> tuple[SeenFace, ...]:
        """The faces of a picture with their people and, of those that were read, what each alone says.

        Args:
            people: in the picture.
            recent: {number: (T, D) features} of the last pictures.
            shape: of the picture, height and width first.
            at: when it was taken.
        """
        read = {p.number: recent[p.number] for p in people if p.read and p.number in recent}
        alone = face_probabilities(self._model, read)
        size = np.tile(np.array(shape[1::-1], dtype=np.float32), 2)
        main = self.people.main
        return tuple(
            SeenFace(p.face.box / size, at, p.number, p.number == main, alone.get(p.number)) for p in people
        )


def read_faces(
    model: EmotionModel, picture: np.ndarray, people: Sequence[Person], detect: Detector
) -> tuple[dict[int, np.ndarray], str]:
    """The features of those people of a picture (H, W, 3) uint8 RGB who are to be read.

    Args:
        model: with an encoder of the face.
        people: who is in the picture.
        detect: looks once more at faces that are aslant.

    Returns:
        {number: (T, D) float32}, with `WHOLE` as the number where the encoder looks at whole pictures; and
        the reason why there is nothing, where there is nothing.
    """
    spec = model.encoders[Modality.VISUAL].spec
    clip = Clip("live", "", "video", frames=picture[None], times=np.zeros(1))
    if not spec.needs_faces:
        return _observed(model, clip, [WHOLE])
    read = [p for p in people if p.read]
    if not read:
        return {}, NO_FACE
    faces = [levelled(picture, p.face, detect) for p in read]
    numbers = [p.number for p in read]
    if spec.timing == "faces":
        return _observed(model, _showing(clip, faces), numbers)
    found: dict[int, np.ndarray] = {}
    reason = NO_FACE
    for number, face in zip(numbers, faces, strict=True):
        features, reason = _observed(model, _showing(clip, [face]), [number])
        found |= features
    return found, reason


def face_probabilities(
    model: EmotionModel, features: Mapping[int, np.ndarray]
) -> dict[int, dict[str, float]]:
    """{number: {label: p}} of each person's face alone, from {number: (T, D) features}; one batch."""
    if not features:
        return {}
    samples = [{Modality.VISUAL: rows} for rows in features.values()]
    (found,) = model.scorer.probabilities(samples, [(Modality.VISUAL,)])
    return {
        number: dict(zip(model.labels, map(float, row), strict=True))
        for number, row in zip(features, found, strict=True)
    }


def _observed(model: EmotionModel, clip: Clip, numbers: Sequence[int]) -> tuple[dict[int, np.ndarray], str]:
    """The features of one person or, a row for each, of several; and why there are none."""
    seen = model.observe(clip, use={Modality.VISUAL})
    rows = seen.features.get(Modality.VISUAL)
    if rows is None:
        return {}, seen.absent.get(Modality.VISUAL, NO_FACE)
    parts = [rows] if len(numbers) == 1 else np.split(rows, len(numbers))
    return dict(zip(numbers, parts, strict=True)), ""


def _showing(clip: Clip, faces: Sequence[Detection]) -> Clip:
    """The clip of one picture with these faces as the rows of its face track."""
    assert clip.frames is not None
    count = len(faces)
    return Clip(
        clip.name,
        clip.digest,
        clip.kind,
        frames=clip.frames,
        times=clip.times,
        faces=FaceTrack(
            times=np.zeros(count),
            frames=np.zeros(count, dtype=np.int64),
            boxes=np.stack([f.box for f in faces]),
            landmarks=np.stack([f.landmarks for f in faces]),
            scores=np.array([f.score for f in faces], dtype=np.float32),
            crops=np.stack([crop_face(clip.frames[0], f) for f in faces]),
            frames_seen=1,
            people=count,
            rule="every face was read",
        ),
    )
