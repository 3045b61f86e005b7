"""The BFL wire protocol, without models: our /v1, our upstream client and the sandbox all speak it from here."""
