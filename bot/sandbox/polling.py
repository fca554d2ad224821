"""How the bot gets its updates: getUpdates, or a webhook."""

from bot.sandbox.errors import bad_request, conflict
from bot.sandbox.params import Params
from bot.sandbox.updates import Updates
from bot.sandbox.webhook import SECRET_TOKEN, Hook, Webhook
from bot.sandbox.wire import Json, Methods

PAGE_LIMIT = 100
# Bot API, setWebhook: 1-100 connections, 40 if not said otherwise.
CONNECTIONS = 40
CONNECTIONS_LIMIT = 100
POLL_LIMIT_SECONDS = 50


class Polling:
    def __init__(self, updates: Updates, webhook: Webhook) -> None:
        self._updates = updates
        self._webhook = webhook
        # Names the newest poll and what ended the ones before it.
        self._poll = 0
        self._ended_by = ""

    def methods(self) -> Methods:
        return {
            "getUpdates": self.get_updates,
            "setWebhook": self.set_webhook,
            "deleteWebhook": self.delete_webhook,
            "getWebhookInfo": self.get_webhook_info,
        }

    async def get_updates(self, params: Params) -> list[Json]:
        if self._webhook.hook is not None:
            raise conflict(
                "can't use getUpdates method while webhook is active; "
                "use deleteWebhook to delete the webhook first"
            )
        self._end_poll("other getUpdates request; make sure that only one bot instance is running")
        poll, offset = self._poll, params.integer("offset")
        self._updates.allow(_allowed(params))
        self._updates.confirm_before(offset)
        await self._updates.changed.until(
            lambda: len(self._updates) > 0 or self._poll != poll,
            seconds=min(params.integer("timeout"), POLL_LIMIT_SECONDS),
            gone=params.gone,
        )
        if self._poll != poll:
            raise conflict(f"terminated by {self._ended_by}")
        limit = min(max(params.integer("limit", PAGE_LIMIT), 1), PAGE_LIMIT)
        return [update.body for update in self._updates.waiting()[:limit]]

    async def set_webhook(self, params: Params) -> bool:
        url = params.text("url")
        hook = _hook(params) if url else None
        if hook is not None:
            self._end_poll("setWebhook request")
            self._updates.allow(_allowed(params))
        return self._switch(hook, params)

    async def delete_webhook(self, params: Params) -> bool:
        return self._switch(None, params)

    async def get_webhook_info(self, params: Params) -> Json:
        return self._webhook.info()

    def _switch(self, hook: Hook | None, params: Params) -> bool:
        if params.flag("drop_pending_updates"):
            self._updates.clear()
        self._webhook.set(hook)
        return True

    def _end_poll(self, by: str) -> None:
        self._poll += 1
        self._ended_by = by
        self._updates.changed.fire()


def _hook(params: Params) -> Hook:
    url, secret = params.text("url"), params.text("secret_token")
    # Telegram wants https; on one machine there is nobody to hide from.
    if not url.startswith(("https://", "http://")):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    if not SECRET_TOKEN.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    connections = params.integer("max_connections", CONNECTIONS)
    return Hook(url, secret, min(max(connections, 1), CONNECTIONS_LIMIT))


def _allowed(params: Params) -> list[str] | None:
    kinds = params.json("allowed_updates", what="allowed updates")
    return [str(kind) for kind in kinds] if isinstance(kinds, list) else None
