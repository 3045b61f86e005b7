"""Images whose files are in a bucket: stored there, served from here, and closed when they are sent."""

from typing import Any

import pytest
from storages.backends.s3 import S3File

from dashboard.organizations.models import Organization
from playground.models import Generation
from tests.buckets import NAME, Bucket
from tests.conftest import Cast, log_in, read_file
from tests.playground.conftest import run_steps, submit_one


@pytest.fixture
def generation(cast: Cast, bucket: Bucket, sandbox: object) -> Generation:
    return run_steps(submit_one(cast.organization, "ink-portrait"))


def card(organization: Organization, generation: Generation) -> str:
    return f"/o/{organization.org_id}/generations/{generation.id}/"


@pytest.mark.parametrize("kind", ["image", "thumbnail"])
def test_image_is_stored_there_and_served_from_here(
    cast: Cast, bucket: Bucket, generation: Generation, kind: str
) -> None:
    name = str(getattr(generation, kind))
    stored = bucket.client.get_object(Bucket=NAME, Key=name)["Body"].read()
    response: Any = log_in(cast.creator.user).get(f"{card(cast.organization, generation)}{kind}/")
    assert response.status_code == 200
    assert int(response["Content-Length"]) == len(stored)
    files = [owner for close in response._resource_closers if isinstance(owner := close.__self__, S3File)]
    assert read_file(response) == stored
    assert [file.closed for file in files] == [True]


def test_image_that_is_gone_is_not_found(cast: Cast, bucket: Bucket, generation: Generation) -> None:
    bucket.client.delete_object(Bucket=NAME, Key=str(generation.image))
    assert log_in(cast.creator.user).get(f"{card(cast.organization, generation)}image/").status_code == 404
