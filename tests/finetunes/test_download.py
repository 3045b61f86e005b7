"""The download of a checkpoint: for its owner's Administrators and Developers alone, whole or from where it broke."""

from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse

from dashboard.lib import file_download
from dashboard.organizations.models import AuditEvent, Organization
from finetunes.models import Finetune, Version
from tests.buckets import Bucket
from tests.conftest import Cast, log_in, read_file
from tests.factories import make_version

CONTENT = bytes(range(256)) * 40


@pytest.fixture
def version(cast: Cast) -> Version:
    return make_version(cast.granted, CONTENT)


@pytest.fixture
def developer(cast: Cast) -> Client:
    return log_in(cast.developer.user)


def url(version: Version, organization: Organization | None = None) -> str:
    finetune: Finetune = version.finetune
    owner = organization or finetune.organization
    return reverse("version-download", args=[owner.org_id, finetune.name, version.number])


def downloads() -> list[tuple[str, Any]]:
    return list(AuditEvent.objects.filter(action="finetune.downloaded").values_list("subject", "details"))


def test_whole_file_is_sent_in_pieces_and_noted(
    version: Version, developer: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_download, "PIECE_BYTES", 1000)
    response: Any = developer.get(url(version))
    pieces = list(response)
    for close in response._resource_closers:
        close()
    assert (b"".join(pieces), len(pieces)) == (CONTENT, 11)
    assert response["Content-Length"] == str(len(CONTENT))
    assert response["Content-Disposition"] == 'attachment; filename="velvet-noir-v2.safetensors"'
    assert response["Cache-Control"] == "private, no-store"
    assert downloads() == [("velvet-noir", {"version": "v2"})]


def test_owners_roles_and_recipients_are_refused_as_each_may_know(cast: Cast, version: Version) -> None:
    statuses = {
        member.role: log_in(member.user).get(url(version)).status_code
        for member in (cast.viewer, cast.creator, cast.billing_manager)
    }
    assert set(statuses.values()) == {403}
    recipient = log_in(cast.recipient.user)
    assert recipient.get(url(version)).status_code == 404
    assert recipient.get(url(version, cast.recipient.organization)).status_code == 404
    by_id = (
        f"/o/{cast.recipient.organization.org_id}/finetune/{cast.organization.org_id}~velvet-noir/versions/2/download/"
    )
    assert recipient.get(by_id).status_code == 404
    assert downloads() == []


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-99", 0, 99),
        ("bytes=10000-", 10000, 10239),
        ("bytes=10000-99999", 10000, 10239),
        ("bytes=-40", 10200, 10239),
    ],
)
def test_range_is_sent(version: Version, developer: Client, asked: str, first: int, last: int) -> None:
    response: Any = developer.get(url(version), headers={"range": asked})
    assert read_file(response) == CONTENT[first : last + 1]
    assert (response.status_code, response["Content-Range"]) == (206, f"bytes {first}-{last}/{len(CONTENT)}")
    assert response["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=-", "bytes=9-2", "bytes=0-1,4-5", "lines=0-1", "bytes=-99999", "bytes=0-"])
def test_whole_is_sent_for_what_is_no_part(version: Version, developer: Client, asked: str) -> None:
    response: Any = developer.get(url(version), headers={"range": asked})
    assert (response.status_code, read_file(response)) == (200, CONTENT)


@pytest.mark.parametrize("asked", ["bytes=99999-", "bytes=10240-", "bytes=-0"])
def test_range_behind_the_end_is_refused(version: Version, developer: Client, asked: str) -> None:
    response = developer.get(url(version), headers={"range": asked})
    assert (response.status_code, response["Content-Range"]) == (416, f"bytes */{len(CONTENT)}")
    assert downloads() == []


def test_continued_download_is_noted_once_and_starts_anew_where_the_file_is_another(
    version: Version, developer: Client
) -> None:
    first = developer.get(url(version))
    read_file(first)
    rest: Any = developer.get(url(version), headers={"range": "bytes=5000-", "if-range": first["ETag"]})
    assert (rest.status_code, read_file(rest)) == (206, CONTENT[5000:])
    assert len(downloads()) == 1
    # Who begins in the middle is noted too.
    Version.objects.filter(pk=version.pk).update(number=3)
    cache.clear()
    version.refresh_from_db()
    read_file(developer.get(url(version), headers={"range": "bytes=1-"}))
    assert downloads()[0] == ("velvet-noir", {"version": "v3"})
    whole: Any = developer.get(url(version), headers={"range": "bytes=5000-", "if-range": '"another"'})
    assert (whole.status_code, read_file(whole)) == (200, CONTENT)


def test_head_tells_the_size_notes_nothing_and_leaves_no_file_open(version: Version, developer: Client) -> None:
    response: Any = developer.head(url(version))
    for close in response._resource_closers:
        close()
    assert (response.status_code, response["Content-Length"]) == (200, str(len(CONTENT)))
    assert downloads() == []


def test_missing_file_is_told_of(version: Version, developer: Client) -> None:
    default_storage.delete(str(version.checkpoint.file))
    response = developer.get(url(version))
    assert response.status_code == 404
    assert "The file of velvet-noir v2 is missing in the storage." in response.content.decode()
    assert downloads() == []


def test_bucket_sends_what_was_asked_for_and_nothing_more(cast: Cast, bucket: Bucket, developer: Client) -> None:
    version = make_version(cast.finetune, CONTENT)
    whole: Any = developer.get(url(version))
    assert read_file(whole) == CONTENT
    rest: Any = developer.get(url(version), headers={"range": "bytes=10000-"})
    assert (rest.status_code, read_file(rest)) == (206, CONTENT[10000:])
    default_storage.delete(str(version.checkpoint.file))
    assert developer.get(url(version)).status_code == 404


def test_tab_offers_it_to_those_who_may_and_tells_a_recipient_no_names(cast: Cast, version: Version) -> None:
    Version.objects.filter(pk=version.pk).update(created_by=cast.owner.user)
    facts = {"kind": "lora", "family_label": "FLUX.2 [klein] 9B", "private_count": 1, "private": ["secret_key"]}
    version.checkpoint.facts = facts
    version.checkpoint.save()

    def tab(member: Any) -> str:
        finetune_id = cast.granted.id_for(member.organization)
        path = reverse("finetune-checkpoint", args=[member.organization.org_id, finetune_id])
        return str(log_in(member.user).get(path).content.decode())

    mine = tab(cast.developer)
    assert url(version) in mine
    assert "secret_key" in mine
    assert "/download/" not in tab(cast.viewer)
    theirs = tab(cast.recipient)
    assert "FLUX.2 [klein] 9B" in theirs
    assert "v2" in theirs
    private = ("secret_key", "owner@example.com", "/download/", version.checkpoint.sha256, "Make current", "Replace")
    assert [word for word in private if word in theirs] == []
