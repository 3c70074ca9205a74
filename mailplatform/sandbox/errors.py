"""The one error that every emulated operation raises; the protocol layer words it for its service."""


class ApiError(Exception):
    """An answer other than success: AWS error code, message and HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status


def bad_request(message: str) -> ApiError:
    """SES's general refusal of an input."""
    return ApiError("BadRequestException", message)


def not_found(message: str) -> ApiError:
    """SES's answer for a resource that does not exist."""
    return ApiError("NotFoundException", message, 404)


def already_exists(message: str) -> ApiError:
    """SES's answer for a resource that exists."""
    return ApiError("AlreadyExistsException", message)


def invalid_parameter(message: str) -> ApiError:
    """SNS's general refusal of an input."""
    return ApiError("InvalidParameter", f"Invalid parameter: {message}")


class ConnectionDroppedError(Exception):
    """The sandbox was told to close the connection without an answer."""
