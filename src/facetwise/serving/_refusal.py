"""A request that is not answered, and what the client is told."""

from collections.abc import Sequence

from facetwise.errors import Complaint, FacetwiseError

__all__ = ["RefusedError"]


class RefusedError(FacetwiseError):
    """Carries the status of HTTP, a short code for programs, and words for people.

    Args:
        status: Of HTTP.
        code: For programs: `queue_full`, `too_large`, ...
        message: What was asked for, what was found, what helps.
        retry_after: Seconds after which another try may succeed.
        complaints: Everything that is wrong with the request.
    """

    def __init__(
        self, status: int, code: str, message: str, *, retry_after: int | None = None,
        complaints: Sequence[Complaint] = (),
    ) -> None:  # fmt: skip
        self.status, self.code, self.retry_after, self.complaints = status, code, retry_after, tuple(complaints)
        super().__init__(message)
