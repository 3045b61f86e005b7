"""Routes of organizations: their pages beneath `o/<org_id>/`, and those that belong to a person."""

from django.urls import path

from dashboard.organizations.views import activity, invitations, keys, members, organizations, sessions, settings

urlpatterns = [
    path("account/sessions/<int:session_id>/end/", sessions.end_session, name="session-end"),
    path("organizations/create/", organizations.create, name="organization-create"),
    path("invitation/<str:token>/", invitations.invitation, name="invitation"),
    path("o/<slug:org_id>/settings/", settings.settings, name="organization-settings"),
    path("o/<slug:org_id>/settings/avatar/", settings.change_avatar, name="organization-avatar-change"),
    path("o/<slug:org_id>/settings/delete/", organizations.delete, name="organization-delete"),
    path("o/<slug:org_id>/avatar/", settings.avatar, name="organization-avatar"),
    path("o/<slug:org_id>/members/", members.members, name="members"),
    path("o/<slug:org_id>/members/leave/", members.leave, name="member-leave"),
    path("o/<slug:org_id>/members/invite/", invitations.invite, name="invite"),
    path("o/<slug:org_id>/members/<int:member_id>/role/", members.change_role, name="member-role"),
    path("o/<slug:org_id>/members/<int:member_id>/remove/", members.remove, name="member-remove"),
    path("o/<slug:org_id>/invitations/<int:invitation_id>/resend/", invitations.resend, name="invitation-resend"),
    path("o/<slug:org_id>/invitations/<int:invitation_id>/cancel/", invitations.cancel, name="invitation-cancel"),
    path("o/<slug:org_id>/keys/", keys.keys, name="keys"),
    path("o/<slug:org_id>/keys/create/", keys.create, name="key-create"),
    path("o/<slug:org_id>/keys/<int:key_id>/rotate/", keys.rotate, name="key-rotate"),
    path("o/<slug:org_id>/keys/<int:key_id>/revoke/", keys.revoke, name="key-revoke"),
    path("o/<slug:org_id>/activity/", activity.activity, name="activity"),
    path("o/<slug:org_id>/activity.csv", activity.download, name="activity-csv"),
]
