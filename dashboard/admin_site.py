"""The operators' admin site, on Django's stock admin."""

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig


class OperatorAdminSite(AdminSite):
    site_header = "Finetunes Dashboard · operators"
    site_title = "Operators"
    index_title = "Everything, across organizations"


class OperatorAdminConfig(AdminConfig):
    default_site = "dashboard.admin_site.OperatorAdminSite"
