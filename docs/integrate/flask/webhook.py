"""What Vestibule tells of people, groups and directories. Verification is standardwebhooks'; what is kept is ours."""

from collections.abc import Mapping
from typing import Any

from standardwebhooks import Webhook, WebhookVerificationError


def verified(headers: Mapping[str, str], raw_body: bytes, secret: str) -> dict[str, Any] | None:
    """The message, or None for what Vestibule did not send. JSON that was parsed and written again has another signature."""
    webhook = Webhook(secret)
    try:
        return webhook.verify(raw_body, dict(headers))
    # The library lets its parsers' errors through, as for a signature that is no base64.
    except (WebhookVerificationError, ValueError):
        return None


class Changes:
    def __init__(self, secret: str) -> None:
        self.secret = secret
        # By tenant and subject the newest message. Yours is a table with a condition on `order`.
        self.newest: dict[tuple[str, str], dict[str, Any]] = {}

    def receive(self, raw_body: bytes, headers: Mapping[str, str]) -> int:
        """The status that Vestibule gets."""
        message = verified(headers, raw_body, self.secret)
        if message is None:
            return 401
        key = message["organization_id"], message["subject"]
        # Messages come twice and out of order. Each says the whole of what is now, so the highest number is enough.
        if key not in self.newest or message["order"] > self.newest[key]["order"]:
            self.newest[key] = message
        return 204

    def people(self, organization: str) -> list[dict[str, Any]]:
        """The people of one tenant."""
        return [
            {name: message["data"][name] for name in ("id", "email", "active")}
            for message in self.newest.values()
            if message["type"].startswith("user.") and message["organization_id"] == organization
        ]
