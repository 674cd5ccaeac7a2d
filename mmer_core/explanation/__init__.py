"""Why a model answers as it does: what each word, moment of the voice and region of the face adds, and
whether that says more than a random explanation would.
"""

from mmer_core.explanation.deletion import Check
from mmer_core.explanation.explanation import explain
from mmer_core.explanation.faithfulness import Faithfulness, measured, shown, withheld
from mmer_core.explanation.parts import Explanation, Face, Frame, Moment, Sound, Word, Words
from mmer_core.explanation.summary import summary

__all__ = [
    "Check",
    "Explanation",
    "Face",
    "Faithfulness",
    "Frame",
    "Moment",
    "Sound",
    "Word",
    "Words",
    "explain",
    "measured",
    "shown",
    "summary",
    "withheld",
]
