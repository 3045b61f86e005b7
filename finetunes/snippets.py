"""What a reader pastes to call the API with a finetune: an example for whoever reads its page."""

from django.conf import settings

from dashboard.bfl import snippets
from dashboard.bfl.snippets import Call, Snippet
from dashboard.organizations.models import Organization
from finetunes.models import Finetune

SCENE = "a harbour at dawn"


def list_snippets(finetune: Finetune, caller: Organization) -> list[Snippet]:
    """Each makes one image with the finetune as this caller calls it, waits for its end and prints where it is."""
    return snippets.list_snippets(_call(finetune, caller))


def curl_snippet(finetune: Finetune, caller: Organization) -> str:
    """For any POSIX shell with curl, which knows the address of this server as $BFL_API."""
    return snippets.curl_snippet(_call(finetune, caller))


def _call(finetune: Finetune, caller: Organization) -> Call:
    body = {
        "finetune_id": finetune.id_for(caller),
        "finetune_strength": finetune.strength,
        "prompt": example_prompt(finetune),
    }
    return Call(settings.BASE_URL, finetune.endpoint.path, body)


def example_prompt(finetune: Finetune) -> str:
    """The first of its example prompts, or a scene; with the trigger phrase in it."""
    phrase, examples = finetune.trigger_phrase, finetune.example_prompts
    prompt: str = examples[0] if examples else SCENE
    if phrase.casefold() in prompt.casefold():
        return prompt if examples or phrase else prompt.capitalize()
    return f"{phrase}, {prompt}"
