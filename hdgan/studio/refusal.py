"""What the studio answers where it does not do what was asked."""

import traceback
from http import HTTPStatus

from hdgan.errors import InputError, machine_fault, printed_lines


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


def of_error(error: Exception, show: bool = True) -> Refusal:
  """The refusal for whatever came.

  Args:
    error: a Refusal, an InputError, or what nobody foresaw.
    show: whether the traceback of the last kind is written to stderr.
  """
  if isinstance(error, Refusal):
    return error
  if isinstance(error, InputError):
    return of_input(error)
  fault = machine_fault(error)
  if fault is not None:
    where = f"{fault.path}: " if fault.path else ""
    return Refusal(
      "machine", f"{where}{fault.why}", hint=f"{fault.way}, then try again",
      status=HTTPStatus.INSUFFICIENT_STORAGE,
    )  # fmt: skip
  if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
    return Refusal(
      "memory", "there is not enough memory for a picture of this size",
      hint="make the map smaller", status=HTTPStatus.INSUFFICIENT_STORAGE,
    )  # fmt: skip
  if show:
    traceback.print_exception(error)
  return Refusal(
    "internal", f"a fault of the studio's own ({type(error).__name__})",
    hint="your work is still here; the terminal of the studio says more",
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
  )  # fmt: skip
