"""Which words a model reads, by their language, and what is said of those that were heard."""

from __future__ import annotations

from collections.abc import Collection

from mmer_core.clip import Clip
from mmer_core.media.language import ENGLISH, UNCLEAR, foreign, language_name, says_something
from mmer_core.media.recogniser import RECOGNISERS
from mmer_core.media.speech import Transcript


def unread(clip: Clip, languages: Collection[str]) -> str:
    """Why a model cannot read the words of a clip; "" if it can, or there are none."""
    text = clip.text or ""
    if text and not says_something(text):
        return "there are no words, only marks"
    if not text or ENGLISH not in languages or clip.language in languages:
        return ""
    named = language_name(clip.language) if clip.language else foreign(text)
    known = [language_name(code) for code in languages]
    if named is None or named in known:
        return ""
    what = f"the words look {named}" if named else "the words are not English, or no words at all"
    if clip.language:
        what = f"the words sound {named}"
    if clip.language == UNCLEAR:
        what = "it is not clear in which language the words are"
    if len(known) == 1:
        return f"{what}; only English is read"
    return f"{what}; only {', '.join(known[:-1])} and {known[-1]} are read"


def spoken(languages: Collection[str], clip: Clip) -> Collection[str]:
    """Those of the languages that the speech recogniser knows: English alone where it told none."""
    return languages if clip.language else [code for code in languages if code == ENGLISH]


def heard_by(words_from: str, transcript: Transcript) -> str:
    """A sentence that names the recogniser, and the language if it told one."""
    by = f"The words were heard by {RECOGNISERS[words_from]}"
    if transcript.language in ("", UNCLEAR):
        return f"{by}."
    return f"{by}, in {language_name(transcript.language)} ({transcript.sure:.0%} sure)."
