"""Files that people upload by mistake for a .safetensors file, known by their first bytes."""

import re

PREFIX_BYTES = 64

PICKLE = "a PyTorch pickle"
ADVICE = {
    PICKLE: "a pickle can run code, so it is never opened. Save the LoRA as .safetensors and upload that",
    "a zip archive or a PyTorch zip": "unpack it, or save the LoRA as .safetensors, and upload that",
    "a GGUF file": "GGUF holds quantized models. Upload the LoRA as its trainer saved it, in .safetensors",
    "a web page": "the download saved a page and not the file. Download it again, logged in if the site asks",
    "a git-lfs pointer": "it only names the real file. Run `git lfs pull` and upload what comes",
    "a gzip archive": "unpack it and upload the .safetensors file inside",
    "a 7z archive": "unpack it and upload the .safetensors file inside",
    "a RAR archive": "unpack it and upload the .safetensors file inside",
    "a NumPy file": "save the LoRA as .safetensors and upload that",
    "an image": "upload the LoRA's .safetensors file",
    "a JSON file": "upload the LoRA's .safetensors file; this may be its adapter_config.json",
}
# Tried in this order.
SIGNATURES = [
    (re.compile(rb"PK(\x03\x04|\x05\x06|\x07\x08)"), "a zip archive or a PyTorch zip"),
    (re.compile(rb"\x80[\x02-\x05]"), PICKLE),
    (re.compile(rb"GGUF"), "a GGUF file"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*<(!doctype|html|head|\?xml|!--)", re.IGNORECASE), "a web page"),
    (re.compile(rb"version https://git-lfs"), "a git-lfs pointer"),
    (re.compile(rb"\x1f\x8b"), "a gzip archive"),
    (re.compile(rb"7z\xbc\xaf\x27\x1c"), "a 7z archive"),
    (re.compile(rb"Rar!\x1a\x07"), "a RAR archive"),
    (re.compile(rb"\x93NUMPY"), "a NumPy file"),
    (re.compile(rb"\x89PNG|\xff\xd8\xff|RIFF....WEBP", re.DOTALL), "an image"),
    (re.compile(rb"(\xef\xbb\xbf)?\s*[{\[]"), "a JSON file"),
]


def recognise(prefix: bytes) -> str | None:
    """What the file is, for a prefix that cannot open a safetensors file; None for what is not known."""
    return next((kind for pattern, kind in SIGNATURES if pattern.match(prefix)), None)
