"""Requests that the service rejects or cannot execute."""

from rhombus_clips.testing.clips import JsonObject
from rhombus_clips.testing.faults import BAD_STRUCTURE, Respond, json_answer

INVALID_UUID = json_answer(400, {"msg": "Invalid UUID"})


class RefusedError(Exception):
    """The service rejects the request and responds with *answer*."""

    def __init__(self, answer: Respond = BAD_STRUCTURE) -> None:
        super().__init__(answer.status)
        self.answer = answer


def failure(reason: str) -> JsonObject:
    """Return the response to a valid request that cannot be executed."""
    return {"error": True, "errorMsg": reason}


def refusal(message: str) -> RefusedError:
    """Return an error that responds with a 400 and *message*."""
    return RefusedError(json_answer(400, {"msg": message}))
