"""Which result answers which command or request: the `result` of a reply with `ok: true`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schemas import config_commands as config
from schemas import config_results, notification_commands
from schemas import token_requests as token
from schemas.envelope import Message, Model

RESULTS: Final[Mapping[type[Message], type[Model]]] = MappingProxyType(
    {
        config.ConfigCreate: config_results.ConfigSaved,
        config.ConfigUpdate: config_results.ConfigSaved,
        config.ConfigSetValidity: config_results.ConfigSaved,
        config.ConfigDelete: config_results.ConfigSaved,
        config.ConfigUndelete: config_results.ConfigSaved,
        config.ConfigReleaseName: config_results.ConfigSaved,
        config.ConfigGet: config_results.ConfigView,
        config.ConfigHistory: config_results.ConfigHistoryPage,
        config.ConfigValidate: config_results.ConfigValidated,
        config.TemplateList: config_results.TemplatePage,
        config.ConfigImport: config_results.ImportReport,
        config.ConfigExport: config_results.ExportPage,
        config.PrincipalAdd: config_results.PrincipalView,
        config.PrincipalDisable: config_results.PrincipalView,
        config.PrincipalList: config_results.PrincipalPage,
        token.TokenGet: token.AccessTokenView,
        token.TokenReportRejected: token.AccessTokenView,
        token.TokenRefresh: token.TokenStatusView,
        token.TokenRevoke: token.Revoked,
        token.TokenStatusGet: token.TokenStatusView,
        token.TokenList: token.TokenPage,
        token.AuthorizationStart: token.AuthorizationStarted,
        token.AuthorizationComplete: token.AuthorizationCompleted,
        token.AuthorizationDevice: token.DeviceAuthorizationStarted,
        token.GrantAdopt: token.TokenStatusView,
        token.EngineStatusGet: token.EngineStatus,
        token.EngineStop: token.EngineStatus,
        token.EngineResume: token.EngineStatus,
        token.CredentialIssue: token.CredentialIssued,
        notification_commands.NotificationList: notification_commands.NotificationPage,
        notification_commands.NotificationAcknowledge: notification_commands.NotificationView,
    }
)
