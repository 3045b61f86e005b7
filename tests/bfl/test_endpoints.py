"""The table of endpoints."""

import pytest

from dashboard.bfl.endpoints import (
    BY_NAME,
    FINETUNED_ENDPOINTS,
    BaseModel,
    Precision,
    endpoint_for,
    endpoints_for,
    is_served,
)


def test_finetuned_endpoints_are_the_eight_of_the_documentation() -> None:
    assert [endpoint.path for endpoint in FINETUNED_ENDPOINTS] == [
        "/v1/flux-2-klein-4b-finetuned",
        "/v1/flux-2-klein-9b-finetuned",
        "/v1/flux-2-klein-9b-kv-finetuned",
        "/v1/flux-2-klein-9b-kv-bf16-finetuned",
        "/v1/flux-2-klein-base-4b-finetuned",
        "/v1/flux-2-klein-base-9b-finetuned",
        "/v1/flux-pro-1.1-ultra-finetuned",
        "/v1/flux-pro-1.0-fill-finetuned",
    ]


def test_base_model_and_precision_lead_to_the_endpoint_and_back() -> None:
    for endpoint in FINETUNED_ENDPOINTS:
        assert endpoint.base_model is not None
        assert endpoint.precision is not None
        assert endpoint.serves(endpoint.base_model, endpoint.precision)
        assert endpoint in endpoints_for(endpoint.base_model, endpoint.precision)
        assert endpoint is BY_NAME[endpoint.name]
        # Fill needs an image to begin with, so what is called without more is ultra.
        is_called = endpoint_for(endpoint.base_model, endpoint.precision) is endpoint
        assert is_called is (endpoint.name != "flux-pro-1.0-fill-finetuned")


@pytest.mark.parametrize("base_model", BaseModel)
def test_bf16_belongs_to_9b_kv_alone(base_model: BaseModel) -> None:
    assert is_served(base_model, Precision.FP8)
    assert is_served(base_model, Precision.BF16) is (base_model is BaseModel.KLEIN_9B_KV)


def test_pair_that_none_serves_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        endpoint_for("flux-2-klein-4b", "bf16")
