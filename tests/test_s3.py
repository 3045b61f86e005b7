"""Files in S3, over real HTTP: checkpoints in parts, and what `up` says of a bad bucket."""

import time
import tracemalloc
from pathlib import Path

import pytest
import requests
from django.core import checks
from django.core.files.storage import default_storage
from pytest_django.fixtures import Settings

from dashboard.organizations.models import Organization
from dashboard.running.preflight import StartError, check_storage
from finetunes import workflow
from finetunes.checkpoints.writer import write_lora
from finetunes.models import Checkpoint, Finetune, Upload
from finetunes.services import catalog, uploads, versions
from finetunes.services.publishing import StorageAwayError
from finetunes.uploads import staging
from tests.buckets import NAME, Bucket, environment
from tests.factories import lora_bytes, make_organization, make_upload, upload_finetune
from tests.running import free_ports, own_services, refused, running

GENERATION_SECONDS = 90
MEGABYTE = 2**20


@pytest.fixture
def owner(transactional_db: None, bucket: Bucket) -> Organization:
    return make_organization("Atelier")


def large_upload(owner: Organization, rank: int) -> Upload:
    """Staged by hand; about 2.9 MB a rank."""
    upload = uploads.start(owner, length=10**9)
    with staging.path_for(upload.pk).open("wb") as file:
        write_lora(file, "flux-2-klein-4b", seed="large", rank=rank)
    Upload.objects.filter(pk=upload.pk).update(length=staging.size_of(upload.pk))
    return Upload.objects.get(pk=upload.pk)


def add(upload: Upload, name: str = "linocut") -> Finetune:
    return catalog.add_finetune(
        upload.organization, upload, name=name, base_model="flux-2-klein-4b", precision="fp8", trigger_phrase=""
    )


def names_of(finetune: Finetune) -> set[str]:
    return {str(version.checkpoint.file.name) for version in finetune.versions.all()}


# --- Checkpoints -------------------------------------------------------------------------------------------


def test_large_checkpoint_goes_up_in_parts_and_comes_back_whole(owner: Organization, bucket: Bucket) -> None:
    upload = large_upload(owner, rank=10)
    content = staging.path_for(upload.pk).read_bytes()
    finetune = add(upload)
    [name] = bucket.names()
    assert names_of(finetune) == {name}
    assert len(content) > 3 * 8 * MEGABYTE
    assert bucket.parts_of(name) == 4
    assert bucket.unfinished() == []
    assert default_storage.size(name) == len(content)
    assert finetune.checkpoint
    with finetune.checkpoint.file.open() as file:
        assert file.read() == content


def test_small_checkpoint_goes_up_whole(owner: Organization, bucket: Bucket) -> None:
    [name] = names_of(upload_finetune(owner, "linocut", lora_bytes()))
    assert bucket.parts_of(name) == 0


def test_same_bytes_are_stored_once_and_go_with_the_last_finetune(owner: Organization, bucket: Bucket) -> None:
    first, second = (upload_finetune(owner, name, lora_bytes("ink")) for name in ("one", "two"))
    foreign = upload_finetune(make_organization("Elsewhere"), "one", lora_bytes("ink"))
    assert len(bucket.names()) == 2
    catalog.delete_finetune(first)
    assert bucket.names() == names_of(second) | names_of(foreign)
    catalog.delete_finetune(second)
    assert bucket.names() == names_of(foreign)


def test_versions_are_kept_beside_each_other(owner: Organization, bucket: Bucket) -> None:
    finetune = upload_finetune(owner, "linocut", lora_bytes("v1"))
    versions.add_version(finetune, make_upload(owner, lora_bytes("v2")))
    assert len(bucket.names()) == 2
    assert bucket.names() == names_of(finetune)


def test_nothing_in_the_bucket_is_public(owner: Organization, bucket: Bucket) -> None:
    [name] = names_of(upload_finetune(owner, "linocut", lora_bytes()))
    grants = bucket.client.get_object_acl(Bucket=NAME, Key=name)["Grants"]
    assert [grant["Grantee"]["Type"] for grant in grants] == ["CanonicalUser"]


def test_bucket_that_goes_away_is_told_and_the_upload_kept(
    owner: Organization, bucket: Bucket, caplog: pytest.LogCaptureFixture
) -> None:
    upload = make_upload(owner, lora_bytes())
    bucket.client.delete_bucket(Bucket=NAME)
    with pytest.raises(StorageAwayError) as caught:
        add(upload)
    assert "NoSuchBucket" not in caught.value.message
    assert "NoSuchBucket" in caplog.text
    bucket.client.create_bucket(Bucket=NAME)
    assert add(Upload.objects.get(pk=upload.pk)).checkpoint
    assert len(bucket.names()) == 1


def test_server_that_goes_away_is_told_and_the_upload_kept(
    owner: Organization, bucket: Bucket, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    upload = make_upload(owner, lora_bytes())
    working = settings.STORAGES
    options = {**settings.ENV.storage["OPTIONS"], "endpoint_url": "http://127.0.0.1:1"}
    settings.STORAGES = {**working, "default": {**working["default"], "OPTIONS": options}}
    with pytest.raises(StorageAwayError) as caught:
        add(upload)
    assert "127.0.0.1" not in caught.value.message
    assert "could not be stored" in caplog.text
    assert "could not be taken back" in caplog.text
    settings.STORAGES = working
    assert Upload.objects.get(pk=upload.pk).stored_name
    assert names_of(add(Upload.objects.get(pk=upload.pk))) == bucket.names()


def test_old_checkpoint_is_looked_into_there(owner: Organization, bucket: Bucket) -> None:
    finetune = upload_finetune(owner, "linocut", lora_bytes())
    assert finetune.checkpoint
    facts, weights = finetune.checkpoint.facts, finetune.checkpoint.weights_sha256
    Checkpoint.objects.update(facts={}, weights_sha256="")
    workflow.look_into_old()
    assert Checkpoint.objects.get().facts == facts
    assert Checkpoint.objects.get().weights_sha256 == weights


def test_memory_stays_flat_while_a_checkpoint_goes_up(owner: Organization) -> None:
    upload = large_upload(owner, rank=40)
    tracemalloc.start()
    finetune = add(upload)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert finetune.checkpoint
    assert default_storage.size(str(finetune.checkpoint.file.name)) == finetune.checkpoint.bytes
    assert finetune.checkpoint.bytes > 100 * MEGABYTE
    assert peak < 48 * MEGABYTE


# --- `up` --------------------------------------------------------------------------------------------------


def test_good_bucket_passes_and_keeps_nothing_of_the_probe(bucket: Bucket) -> None:
    check_storage()
    assert bucket.names() == set()


def refusal(bucket: Bucket, settings: Settings, **changes: str) -> str:
    settings.ENV = environment({**bucket.variables, **changes}, settings.ENV)
    settings.STORAGES = {**settings.STORAGES, "default": settings.ENV.storage}
    with pytest.raises(StartError) as caught:
        check_storage()
    [line] = str(caught.value).splitlines()
    return line


def test_missing_bucket_is_named(bucket: Bucket, settings: Settings) -> None:
    assert refusal(bucket, settings, S3_BUCKET="nowhere") == (
        "There is no bucket nowhere (S3_BUCKET). Create it, or name another."
    )


def test_server_that_does_not_answer_is_named(bucket: Bucket, settings: Settings) -> None:
    told = refusal(bucket, settings, S3_ENDPOINT_URL="http://127.0.0.1:1/")
    assert told.startswith("Cannot reach S3 at http://127.0.0.1:1 (S3_ENDPOINT_URL): ")


def test_keys_that_the_server_does_not_know_are_named(bucket: Bucket, settings: Settings) -> None:
    with bucket.asking_for_keys():
        told = refusal(bucket, settings)
    assert told == (
        "The bucket finetunes refuses this server (403). Check S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, "
        "and that they may read, write and delete there."
    )


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"S3_BUCKET": None}, "S3_ENDPOINT_URL is set and S3_BUCKET is not"),
        ({"S3_SECRET_ACCESS_KEY": None}, "S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY belong together"),
    ],
)
def test_half_of_the_settings_is_named(
    bucket: Bucket, settings: Settings, changes: dict[str, None], fault: str
) -> None:
    settings.ENV = settings.ENV.model_copy(update=changes)
    with pytest.raises(StartError, match=fault):
        check_storage()
    [error] = checks.run_checks(tags=[checks.Tags.files])
    assert error.msg.startswith(fault)


def test_good_settings_pass_the_check(bucket: Bucket) -> None:
    assert checks.run_checks(tags=[checks.Tags.files]) == []


@pytest.mark.pipeline
def test_all_of_up_runs_on_a_bucket(bucket: Bucket, tmp_path: Path) -> None:
    with own_services() as services, running(tmp_path / "data", variables=services | bucket.variables) as up:
        finetune, key = up.demo["finetunes"][0], up.demo["organizations"][0]["api_key"]
        body = {"finetune_id": finetune["finetune_id"], "prompt": "a lighthouse", "width": 64, "height": 64}
        endpoint = f"{up.base_url}/v1/{finetune['endpoint']}"
        submitted = requests.post(endpoint, json=body, headers={"x-key": key}, timeout=10).json()
        image = requests.get(_sample_of(submitted["polling_url"]), timeout=10)
        assert image.headers["content-type"].startswith("image/")
        names = bucket.names()
        assert len([name for name in names if name.startswith("checkpoints/")]) == len(up.demo["finetunes"])
        assert len([name for name in names if name.startswith("generations/")]) == 2
        assert not (up.data_dir / "files").exists()
        assert up.errors == ""


def _sample_of(polling_url: str) -> str:
    begin = time.monotonic()
    while (result := requests.get(polling_url, timeout=10).json())["status"] == "Pending":
        assert time.monotonic() - begin < GENERATION_SECONDS
        time.sleep(0.2)
    return str(result["result"]["sample"])


@pytest.mark.pipeline
def test_up_does_not_start_without_its_bucket(bucket: Bucket, tmp_path: Path) -> None:
    port, sandbox_port = free_ports()
    options = ("--port", str(port), "--sandbox-port", str(sandbox_port))
    variables = {**bucket.variables, "S3_BUCKET": "nowhere"}
    code, output, errors = refused(*options, data_dir=tmp_path / "data", variables=variables)
    assert (code, output) == (2, "")
    assert errors == "There is no bucket nowhere (S3_BUCKET). Create it, or name another.\n"
