"""`manage.py inspect` as people and programs call it, without database or data folder."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from django.core.management import execute_from_command_line

from finetunes.checkpoints.writer import write_lora
from tests.checkpoints import Shapes, full_shapes, header_bytes, lokr_shapes, lora_shapes

ROOT = Path(__file__).resolve().parents[2]
KEYS = [
    "file", "kind", "layout", "family", "confidence", "evidence", "rank", "alpha", "modules", "applied", "unknown",
    "dropped", "dtype", "trigger_words", "warnings", "refused", "error",
]  # fmt: skip
AI_TOOLKIT = {
    "format": "pt",
    "software": '{"name": "ai-toolkit", "version": "0.7.1"}',
    "training_info": '{"step": 2000, "epoch": 10}',
    "ss_base_model_version": "flux2_klein_9b",
    "ss_tag_frequency": '{"1_TOK ink": {"TOK ink": 1}}',
    "ss_output_name": "jo",
}
MUSUBI = {
    "ss_base_model_version": "flux_2_klein_4b",
    "modelspec.architecture": "Flux.2-klein-4b/lora",
    "ss_sd_model_name": "flux-2-klein-base-4b.safetensors",
    "ss_network_module": "networks.lora_flux_2",
    "ss_network_alpha": "8",
    "ss_steps": "1600",
}
DIFFUSERS = {"lora_adapter_metadata": '{"transformer.r": 16, "transformer.lora_alpha": 32}'}
# Name -> tensors, metadata, and what must be said: kind, layout, family, confidence, rank, modules.
SAMPLES: dict[str, tuple[Shapes, dict[str, str] | None, tuple[Any, ...]]] = {
    "klein9b_aitoolkit": (
        lora_shapes("flux2-klein-9b", rank=32), AI_TOOLKIT, ("lora", "ai-toolkit", "flux2-klein-9b", "certain", 32, 112)
    ),
    "klein4b_musubi": (
        lora_shapes("flux2-klein-4b", "kohya", alpha=True),
        MUSUBI,
        ("lora", "kohya", "flux2-klein-4b", "certain", 16, 80),
    ),
    "klein9b_diffusers": (
        lora_shapes("flux2-klein-9b", "diffusers"),
        DIFFUSERS,
        ("lora", "diffusers", "flux2-klein-9b", "certain", 16, 144),
    ),
    "klein4b_peft_nometa": (
        lora_shapes("flux2-klein-4b", "peft"), None, ("lora", "peft", "flux2-klein-4b", "certain", 16, 80)
    ),
    "flux2dev_diffusers": (
        lora_shapes("flux2-dev", "diffusers"), DIFFUSERS, ("lora", "diffusers", "flux2-dev", "certain", 16, 192)
    ),
    "flux1_kohya": (
        lora_shapes("flux1", "kohya", alpha=True), None, ("lora", "kohya", "flux1", "certain", 16, 228)
    ),
    "sdxl_kohya": (
        {
            "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_down.weight": (16, 2048),
            "lora_unet_input_blocks_4_1_transformer_blocks_0_attn2_to_k.lora_up.weight": (640, 16),
        },
        {"ss_base_model_version": "sdxl_base_v1-0"},
        ("lora", "kohya", "sdxl", "certain", 16, 1),
    ),
    "klein4b_full_checkpoint": (
        full_shapes("flux2-klein-4b"), None, ("full", "bfl", "flux2-klein-4b", "certain", None, 0)
    ),
    "ambiguous_3072_attn_only": (
        lora_shapes("flux1", targets="first attention"), None, ("lora", "ai-toolkit", "ambiguous", "ambiguous", 16, 8)
    ),
    "klein9b_lokr": (
        lokr_shapes("flux2-klein-9b"), None, ("lokr", "ai-toolkit", "flux2-klein-9b", "certain", 4, 112)
    ),
}  # fmt: skip
FOREIGN = {"flux2dev_diffusers", "flux1_kohya", "sdxl_kohya", "klein4b_full_checkpoint"}


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sparse files of their full size: headers with names and shapes, weights of zeros."""
    folder = tmp_path_factory.mktemp("samples")
    for name, (shapes, metadata, _) in SAMPLES.items():
        start, size = header_bytes(shapes, metadata)
        with (folder / f"{name}.safetensors").open("wb") as file:
            file.write(start)
            file.truncate(size)
    return folder


def run_alone(*arguments: str | bytes | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """In a process of its own, where there is neither a database nor a data folder."""
    nowhere = {"DATA_DIR": "/nonexistent/data", "DATABASE_URL": "postgres://nobody@127.0.0.1:1/nothing"}
    return subprocess.run(
        [sys.executable, "manage.py", "inspect", *map(os.fsdecode, arguments)],
        cwd=ROOT,
        env=os.environ | nowhere | environment,
        capture_output=True,
        text=True,
        timeout=60,
    )


def run(*arguments: str | bytes | Path) -> subprocess.CompletedProcess[str]:
    """The same in this process, which takes two seconds less; pytest-django lets nothing here at a database."""
    printed, told = io.BytesIO(), io.BytesIO()
    out, err = (io.TextIOWrapper(each, encoding="utf-8", write_through=True) for each in (printed, told))
    argv = ["manage.py", "inspect", *map(os.fsdecode, arguments)]
    with redirect_stdout(out), redirect_stderr(err):
        try:
            execute_from_command_line(argv)
            status = 0
        except SystemExit as end:
            status = int(end.code or 0)
    return subprocess.CompletedProcess(argv, status, printed.getvalue().decode(), told.getvalue().decode())


def records(*arguments: str | bytes | Path) -> list[dict[str, Any]]:
    done = run("--json", *arguments)
    assert "Traceback" not in done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_samples_of_every_trainer_are_known(samples: Path) -> None:
    found = records(*(samples / f"{name}.safetensors" for name in SAMPLES))
    for (name, (_, _, expected)), record in zip(SAMPLES.items(), found, strict=True):
        assert list(record) == KEYS
        fields = ("kind", "layout", "family", "confidence", "rank", "modules")
        assert tuple(record[field] for field in fields) == expected, name
        assert record["file"] == str(samples / f"{name}.safetensors")
        assert record["error"] is None
        assert (record["refused"] is not None) == (name in FOREIGN)
        assert record["unknown"] == []
        assert record["evidence"]
        if name not in ("sdxl_kohya", "klein4b_full_checkpoint"):
            assert record["applied"] == record["modules"]
    by_name = dict(zip(SAMPLES, found, strict=True))
    assert by_name["klein9b_aitoolkit"]["trigger_words"] == ["TOK ink"]
    assert by_name["klein9b_diffusers"]["alpha"] == 32
    # Of zeros, as the weights: read from the file and not from its metadata.
    assert by_name["klein4b_musubi"]["alpha"] == 0
    assert by_name["klein4b_musubi"]["dtype"] == "BF16"


def test_report_for_people_says_it_all(samples: Path) -> None:
    done = run(samples / "klein9b_aitoolkit.safetensors", samples / "flux1_kohya.safetensors")
    assert (done.returncode, done.stderr) == (0, "")
    for part in (
        "A LoRA for FLUX.2 [klein] 9B, ready to upload.", "FLUX.2 [klein] 9B (certain)", "112 of 112 layers apply.",
        "rank 32", "alpha 32", "BF16", "8 double, 24 single blocks", '"TOK ink" from ss_tag_frequency (AI-Toolkit)',
        "ai-toolkit 0.7.1, 2,000 steps", "ss_output_name", "165.7 MB", "Refused", "This is a LoRA for FLUX.1",
    ):  # fmt: skip
        assert part in done.stdout


def test_every_file_is_reported_and_any_error_sets_the_status(samples: Path, tmp_path: Path) -> None:
    (tmp_path / "page.safetensors").write_text("<!DOCTYPE html><html>log in</html>")
    (tmp_path / "empty.safetensors").touch()
    good = samples / "klein4b_peft_nometa.safetensors"
    with (tmp_path / "cut.safetensors").open("wb") as file:
        file.write(good.read_bytes()[:100_000])
    os.mkfifo(tmp_path / "pipe")
    files = [tmp_path / "missing", tmp_path, *sorted(tmp_path.iterdir()), good]
    found = records(*files)
    assert [record["file"] for record in found] == [str(file) for file in files]
    errors = [record["error"] for record in found]
    for error, part in zip(
        errors, ["no such file", "folder", "cut off", "empty", "web page", "not a regular file"], strict=False
    ):
        assert part in error
    assert errors[-1] is None
    for record in found[:-1]:
        assert list(record) == KEYS
        values = {key: value for key, value in record.items() if key not in ("file", "error")}
        assert [value for value in values.values() if value] == []
        assert [key for key, value in values.items() if value == []] == [
            "evidence", "unknown", "dropped", "trigger_words", "warnings"
        ]  # fmt: skip
    assert run(*files).returncode == run("--json", *files).returncode == 1
    assert run(good).returncode == 0


def test_path_that_the_system_refuses_is_an_error(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    file = tmp_path / "file"
    file.touch()
    for record in records(loop, loop / "a", file / "a", "x" * 5000):
        assert record["error"].endswith(".")


def test_name_that_is_no_text_is_shown(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.safetensors"
    with open(path, "wb") as file:
        write_lora(file, "flux-2-klein-4b", seed="ink")
    (record,) = records(path)
    assert record["file"].endswith("/\\udcff.safetensors")
    assert run_alone(path).returncode == 0


def test_terminal_without_unicode_still_gets_a_report(samples: Path) -> None:
    done = run_alone(samples / "klein4b_peft_nometa.safetensors", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert "18432 ? 3072" in done.stdout


def test_reader_that_goes_away_gets_no_traceback(samples: Path) -> None:
    files = " ".join(f"'{samples / name}.safetensors'" for name in list(SAMPLES) * 40)
    command = f"'{sys.executable}' manage.py inspect {files} | head -c 1"
    done = subprocess.run(
        ["sh", "-c", command], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, timeout=120
    )
    assert done.stdout == "/"
    assert done.stderr == ""


def test_call_without_files_says_how() -> None:
    done = run_alone()
    assert done.returncode == 2
    assert "FILE" in done.stderr
    assert "Traceback" not in done.stderr
