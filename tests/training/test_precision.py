"""bfloat16 is used where the processor has it, and nowhere else."""

import pytest
import torch

from mmer_core.training import precision


@pytest.mark.parametrize(("has_it", "expected"), [(True, torch.bfloat16), (False, torch.float32)])
def test_products_run_in_bfloat16_where_the_processor_has_it(monkeypatch, has_it, expected):
    monkeypatch.setattr(precision, "multiplies_bfloat16", lambda: has_it)
    with precision.fastest():
        product = torch.ones(2, 3) @ torch.ones(3, 2)
    assert product.dtype == expected
    assert product.tolist() == [[3, 3], [3, 3]]


def test_a_processor_is_asked_once_it_can_answer(monkeypatch):
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    assert precision.multiplies_bfloat16() is False
