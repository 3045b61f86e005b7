"""Providers: the upstreams that make images. `settings.PROVIDERS` names them; nothing else imports one."""
