"""The settings of the server that `tests.benchmarks.api` measures: ours, and a URL of the benchmark's own."""

from dashboard.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.api_urls"
