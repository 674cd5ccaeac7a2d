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
    "Your recordings are of people and places outside its training data: expect the figures under strangers, "
    "not those within its corpora, and less for voices in other languages and for single words.",
    "The voice is read against the average of the people it has learned from: who usually sounds tense is "
    "called tense. About ten seconds of a speaker's ordinary voice as a baseline mend much of that.",
    "The voice network has hardly heard spontaneous speech: most voices were acted, in English, German, "
    "Polish and Amharic.",
    "Words are English: speech and text in other languages are left out where they are known as such, which "
    "single words often are not.",
    "Faces were collected from the web. Ten people voted on each; a person alone agrees with the majority in "
    "about three of four pictures, and fear and disgust are seldom seen.",
    "Words, voice and face come from different people: how they depend on each other in one person was not "
    "in the training data. That a third of them show another emotion than the clip is an assumption.",
    "Figures differ between people and recording conditions; do not rely on them for one person.",
)
MEASURES = {
    Modality.TEXT: "means over corpora that were left out, or weighted F1 on dialogues held out of MELD's "
    "training part, on MELD's development part, which chose nothing, and on comments of GoEmotions' "
    "development part; bare is without punctuation.",
    Modality.AUDIO: "UA on held-out speakers.",
    Modality.VISUAL: "accuracy and cross-entropy, with the labels, with the majority of the votes, and on "
    "photographs; the last two rows as answered, the others before the class frequencies are weighed.",
}
DRAWN = (
    "label-matched draws of utterances of corpora that were left out, a third of them showing another "
    "emotion than the clip, not real clips"
)
