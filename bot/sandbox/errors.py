"""What the local Telegram answers when it refuses, to the bot and to a person."""

from bot.sandbox.wire import Json


class ApiError(Exception):
    """A refused Bot API call: HTTP status, Telegram's wording and its `parameters`."""

    def __init__(self, code: int, description: str, parameters: Json | None = None) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


class Refused(Exception):
    """Something a person cannot do; the message is a sentence for the page."""

    def __init__(self, sentence: str, status: int = 400) -> None:
        super().__init__(sentence)
        self.status = status


def bad_request(sentence: str) -> ApiError:
    return ApiError(400, f"Bad Request: {sentence}")


def forbidden(sentence: str) -> ApiError:
    return ApiError(403, f"Forbidden: {sentence}")


def conflict(sentence: str) -> ApiError:
    return ApiError(409, f"Conflict: {sentence}")


def too_many_requests(retry_after: int) -> ApiError:
    """`retry_after` in whole seconds, as Telegram gives it."""
    return ApiError(
        429, f"Too Many Requests: retry after {retry_after}", {"retry_after": retry_after}
    )
