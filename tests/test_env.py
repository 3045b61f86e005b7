"""Settings as an operator gives them: defaults, what follows from what, and one clear line for a wrong one."""

import os
import stat
from pathlib import Path

import pytest

from dashboard import env
from dashboard.env import Env, SettingsError


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No variable of this shell and no `.env` file."""
    for variable in Env.model_fields:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def test_nothing_has_to_be_set() -> None:
    found = env.load()
    assert found.data_dir == Path.cwd() / "data"
    assert found.base_url == "http://127.0.0.1:8000"
    assert found.upstream_url == found.sandbox_url == "http://127.0.0.1:8001"
    assert (found.DATABASE_URL, found.REDIS_URL, found.SECRET_KEY, found.DEBUG) == (None, None, None, False)


@pytest.mark.parametrize(
    ("variables", "address"),
    [
        ({"HOST": "192.0.2.7", "PORT": "9000"}, "http://192.0.2.7:9000"),
        ({"HOST": "::1"}, "http://[::1]:8000"),
        ({"BASE_URL": "https://loras.example.com/", "PORT": "9000"}, "https://loras.example.com"),
    ],
)
def test_public_address_follows_host_and_port_unless_given(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], address: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert env.load().base_url == address


def test_lists_are_separated_by_commas_and_blank_urls_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "a.example, b.example,")
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("REDIS_URL", "")
    found = env.load()
    assert found.ALLOWED_HOSTS == ["a.example", "b.example"]
    assert (found.DATABASE_URL, found.REDIS_URL) == (None, None)


def test_a_dotenv_file_is_read_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("PORT=9000\nSANDBOX_PORT=9001\n")
    monkeypatch.setenv("PORT", "9100")
    found = env.load()
    assert (found.PORT, found.SANDBOX_PORT) == (9100, 9001)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PORT", "0"),
        ("PORT", "eighty"),
        ("BASE_URL", "nowhere"),
        ("BFL_API_URL", "api.example.com"),
        ("LOG_LEVEL", "loud"),
        ("DEBUG", "maybe"),
        ("DATABASE_URL", "nonsense"),
        ("MAX_CHECKPOINT_BYTES", "-1"),
    ],
)
def test_a_wrong_value_names_its_variable_in_one_line(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError, match=rf"^Bad setting\. {variable}: .*{value}[^\n]*$"):
        env.load()


def test_options_of_up_become_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    env.adopt_options(["manage.py", "up", "--port", "9000", "--data-dir=elsewhere", "--no-demo", "--host", "0.0.0.0"])
    found = env.load()
    assert (found.PORT, found.HOST, found.data_dir) == (9000, "0.0.0.0", Path.cwd() / "elsewhere")


def test_options_of_other_commands_are_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    env.adopt_options(["manage.py", "sandbox", "--port", "9000"])
    assert "PORT" not in os.environ


def test_every_field_says_what_it_is_for() -> None:
    assert [name for name, field in Env.model_fields.items() if not field.description] == []


def test_a_made_key_is_kept_for_this_user_alone_and_used_again(tmp_path: Path) -> None:
    found = env.load()
    found.data_dir.mkdir()
    key = env.read_secret_key(found)
    env.keep_secret_key(found, key)
    env.keep_secret_key(found, "another")
    assert env.read_secret_key(found) == key
    assert len(key) >= 50
    assert stat.S_IMODE((found.data_dir / env.SECRET_KEY_FILE).stat().st_mode) == 0o600


def test_a_given_key_is_used_and_not_written_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "given")
    found = env.load()
    found.data_dir.mkdir()
    env.keep_secret_key(found, "given")
    assert env.read_secret_key(found) == "given"
    assert not (found.data_dir / env.SECRET_KEY_FILE).exists()


def test_files_go_to_the_folder_or_to_the_bucket_that_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert env.load().storage == {"BACKEND": "django.core.files.storage.FileSystemStorage"}
    monkeypatch.setenv("S3_BUCKET", "loras")
    found = env.load()
    assert found.storage["OPTIONS"] == {"bucket_name": "loras", "endpoint_url": None, "region_name": None}
    assert found.storage_fault == ""
    monkeypatch.setenv("S3_ENDPOINT_URL", "http://minio:9000")
    monkeypatch.setenv("S3_ACCESS_KEY_ID", "key")
    assert "belong together" in env.load().storage_fault
    monkeypatch.setenv("S3_SECRET_ACCESS_KEY", "secret")
    options = env.load().storage["OPTIONS"]
    assert options["endpoint_url"] == "http://minio:9000"
    assert (options["access_key"], options["secret_key"], options["security_token"]) == ("key", "secret", None)
    monkeypatch.setenv("S3_BUCKET", "")
    assert env.load().storage_fault.startswith("S3_ENDPOINT_URL is set and S3_BUCKET is not")


def test_hosts_of_endpoints_are_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFL_API_URL", "https://api.bfl.ai")
    monkeypatch.setenv("BFL_API_URLS", '{"flux-pro-1.1-ultra-finetuned": "https://api.us1.bfl.ai/"}')
    assert env.load().upstream_urls == {"flux-pro-1.1-ultra-finetuned": "https://api.us1.bfl.ai"}
    monkeypatch.setenv("BFL_API_URLS", "")
    assert env.load().upstream_urls == {}


@pytest.mark.parametrize(
    ("urls", "sentence"),
    [
        ("https://api.us1.bfl.ai", "use JSON such as"),
        ("[]", "use a JSON object of URLs by endpoint"),
        ('{"flux-9": "https://api.us1.bfl.ai"}', "nothing is called flux-9: use flux-2-klein-4b-finetuned"),
        ('{"flux-dev": "api.us1.bfl.ai"}', "BFL_API_URLS.flux-dev: Input should be a valid URL"),
        ('{"flux-dev": 7}', "BFL_API_URLS.flux-dev: URL input should be a string or URL"),
    ],
)
def test_wrong_hosts_of_endpoints_stop_the_start(monkeypatch: pytest.MonkeyPatch, urls: str, sentence: str) -> None:
    monkeypatch.setenv("BFL_API_URL", "https://api.bfl.ai")
    monkeypatch.setenv("BFL_API_URLS", urls)
    with pytest.raises(SettingsError) as stopped:
        env.load()
    assert "BFL_API_URLS" in str(stopped.value)
    assert sentence in str(stopped.value)


def test_hosts_of_endpoints_need_a_host_for_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BFL_API_URLS", '{"flux-dev": "https://api.us1.bfl.ai"}')
    with pytest.raises(SettingsError, match="BFL_API_URLS: Value error, set BFL_API_URL too"):
        env.load()
