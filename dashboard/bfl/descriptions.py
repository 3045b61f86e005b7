"""What each field of a request means, for the document of the API."""

from typing import Any

INPUT_IMAGE = "A reference image: its URL, or its bytes in base64 or as a data URI; 20 MB and 20 MP at most."
FIELDS = {
    "prompt": "What to draw. The trigger phrase of a finetune belongs in it.",
    "finetune_id": "A finetune: its `name`, or `{owner_org_id}/{name}` of one that another organization shared.",
    "finetune_strength": "How much of the finetune goes in; 0 is the model without it.",
    "seed": "The same seed and inputs draw the same image. Left out, one is drawn and told with the result.",
    "width": "In pixels. The image is cut down to a multiple of 16. 0 or null leaves it open.",
    "height": "In pixels. The image is cut down to a multiple of 16. 0 or null leaves it open.",
    "aspect_ratio": "Width to height, from 21:9 to 9:21.",
    "safety_tolerance": "How much moderation lets pass: 0 is the strictest.",
    "output_format": "The format of the image.",
    "webhook_url": "Where the result is sent, by HTTPS, once it is there.",
    "webhook_secret": "Signs what is sent to `webhook_url`.",
    "prompt_upsampling": "Lets the model write the prompt at greater length.",
    "guidance": "How closely the image keeps to the prompt.",
    "steps": "How many steps the model takes.",
    "raw": "Less processed, more natural images.",
    "image": "The image to paint in: its URL, or its bytes in base64 or as a data URI.",
    "mask": "Black and white, of the image's size: white is painted anew. Left out, the image's own alpha is it.",
    "image_prompt": INPUT_IMAGE,
    "image_prompt_strength": "How much the reference image counts beside the prompt.",
}


def describe(schema: dict[str, Any]) -> None:
    """For `json_schema_extra`."""
    for name, field in schema.get("properties", {}).items():
        text = INPUT_IMAGE if name.startswith("input_image") else FIELDS.get(name)
        if text:
            field.setdefault("description", text)
