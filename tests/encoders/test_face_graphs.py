"""The face networks in ONNX Runtime answer as they do in torch."""

import numpy as np
import pytest
import torch

from mmer_core.encoders.backends import face_graphs
from mmer_core.encoders.backends.face_ensemble import NETWORKS, FaceEnsemble, embed_pictures
from mmer_core.encoders.backends.face_graphs import GRAPHS, FaceGraphs, weights_of
from mmer_core.encoders.backends.face_network import SIDE, FaceNetwork


def trained(kind):
    """A network with random weights, the statistics of whose layers are those of random pictures."""
    torch.manual_seed(0)
    network = NETWORKS[kind]()
    for block in network.blocks if isinstance(network, FaceNetwork) else ():
        torch.nn.init.ones_(block.norm2.weight)
    with torch.no_grad():
        for _ in range(3):
            network.train()(torch.rand(8, 1, SIDE, SIDE))
    return network.eval()


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (face_graphs.BATCH + 3, SIDE, SIDE), dtype=np.uint8)


@pytest.mark.parametrize("kind", NETWORKS)
@pytest.mark.parametrize("count", [1, 2, face_graphs.BATCH + 3])
def test_every_network_has_a_graph_that_answers_as_torch_does(kind, count, pictures):
    network = FaceEnsemble([trained(kind)]).eval()
    expected = embed_pictures(network, pictures[:count]).numpy()
    found = FaceGraphs(network).embed(pictures[:count])
    assert found.dtype == np.float32
    assert expected.std() > 1e-3
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_the_members_of_an_ensemble_stay_in_their_order(pictures):
    network = FaceEnsemble([trained(kind) for kind in NETWORKS]).eval()
    expected = embed_pictures(network, pictures).numpy()
    np.testing.assert_allclose(FaceGraphs(network).embed(pictures), expected, rtol=1e-3, atol=1e-4)


def test_a_graph_has_no_weights_of_its_own():
    for kind in NETWORKS:
        size = (GRAPHS / f"{kind}.onnx").stat().st_size
        assert size < 0.05 * sum(array.nbytes for array in weights_of(NETWORKS[kind]()).values())


def test_other_weights_are_refused_in_one_sentence():
    weights = weights_of(trained("mobile"))
    del weights[next(iter(weights))]
    with pytest.raises(ValueError, match="the network's graph does not fit its weights"):
        face_graphs.session((GRAPHS / "mobile.onnx").read_bytes(), weights)


def test_another_kind_of_network_is_refused():
    class Other(NETWORKS["mobile"]):
        pass

    with pytest.raises(ValueError, match="there is no graph of Other"):
        FaceGraphs(FaceEnsemble([Other()]))
