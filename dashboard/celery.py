"""The Celery application; tasks find it as the default of every thread."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

app = Celery("dashboard")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# `current` is kept a thread; web and worker threads would otherwise fall back to an app without a broker.
app.set_default()
