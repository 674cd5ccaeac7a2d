"""Texts of the shipped models' card."""

from __future__ import annotations

from mmer_core.labels import Modality

LICENCE = (
    "research and other non-commercial use only, as the training data demands (CC BY-NC-SA 4.0 and "
    "research-only corpora)"
)
LIMITS = (
    "It reads how an emotion is shown, mostly by actors or in scripted scenes; it does not know what a "
    "person feels.",
    "The voice network knows acted speech only: it over-reads the raised voice of real public speaking "
    "(anger, fear) and calm reading (disgust).",
    "It recognises far less in a corpus outside its training data, and your recordings are such: its "
    "temperature rises with the distance from the training data.",
    "Words are English: speech and text in other languages are left out where they are known as such, which "
    "single words often are not. Voices were German and North American English.",
    "Faces were collected from the web with noisy labels; a person agrees with those labels about two "
    "times in three.",
    "The three corpora show different people: how words, voice and face of one person depend on each "
    "other was not in the training data.",
    "Figures differ between people and recording conditions; do not rely on them for one person.",
)
MEASURES = {
    Modality.TEXT: "weighted F1, before the class frequencies are weighed, on dialogues held out of MELD's "
    "training part and on comments of GoEmotions' development part (read as if emotions were as frequent as "
    "there), which chose, and on MELD's development part, which did not; bare is without punctuation. "
    "Cross-entropy is at the best temperature; the held-out one chose the share of the phrases.",
    Modality.AUDIO: "UA on held-out speakers.",
    Modality.VISUAL: "accuracy before the class frequencies are weighed, and cross-entropy at the best "
    "temperature; the held-out one chose.",
}
DRAWN = "label-matched draws of held-out utterances, not real clips: an upper bound for real people"
