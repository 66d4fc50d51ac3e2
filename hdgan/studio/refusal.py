"""What the studio answers where it does not do what was asked."""

from http import HTTPStatus

from hdgan.errors import InputError, printed_lines


class Refusal(Exception):
  """A request that is refused.

  Attributes:
    status: of HTTP.
    code: a word that the page acts on, such as 'superseded'.
    message: what is wrong.
    field: of the request that is wrong, or ''.
    hint: what to do, or ''.
  """

  def __init__(
    self, code: str, message: str, *, field: str = "", hint: str = "",
    status: int = HTTPStatus.BAD_REQUEST,
  ):  # fmt: skip
    super().__init__(message)
    self.status, self.code, self.message = int(status), code, message
    self.field, self.hint = field, hint

  def answer(self) -> dict[str, str]:
    """The one form of every refusal, as JSON."""
    return {
      "code": self.code,
      "message": self.message,
      "field": self.field,
      "hint": self.hint,
    }


def of_input(error: InputError, field: str = "") -> Refusal:
  """The refusal for what the rooms below find wrong, way out apart."""
  lines = printed_lines(error)
  message, mark, hint = lines[0].rpartition("; ") if lines else ("", "", "")
  if not mark:
    message, hint = hint, ""
  return Refusal(
    "input", "\n".join([message, *lines[1:]]), field=field, hint=hint
  )
