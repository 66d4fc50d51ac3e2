"""`analysis.html`: what a study says, on one page that needs no network."""

import html
from collections.abc import Mapping, Sequence
from typing import Any

from hdgan.errors import counted, visible
from hdgan.evaluation.study import interval_charts
from hdgan.evaluation.study.analysis_text import (
  percent,
  percent_range,
  probability,
  verdict,
  who,
)
from hdgan.evaluation.study.interval_charts import Mark
from hdgan.evaluation.study.statistics import Interval
from hdgan.report.pages import fill_page


def make_page(analysis: Mapping[str, Any]) -> str:
  """Makes the page of an analysis.

  Args:
    analysis: as `analyse` gives it.

  Returns:
    HTML with its style sheet and drawings inside.
  """
  kept = analysis["kept"]
  out = any(one["left_out"] for one in analysis["participants"])
  return fill_page(
    __file__,
    title=_text(f"Study {analysis['study']}"),
    status=_text(who(analysis)),
    pairs=_pairs(kept["pairs"]),
    curves=_curves(kept["pairs"]),
    strengths=_strengths(kept["strengths"]),
    care=_care(analysis),
    everybody=_everybody(analysis) if out else "",
    participants=_participants(analysis),
    method=_method(analysis),
  )


def _text(text: str) -> str:
  return html.escape(visible(text))


def _table(
  heads: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> str:
  """A table of HTML cells; those of the columns `numbers` end at the right."""

  def line(cells: Sequence[str], tag: str) -> str:
    kinds = [' class="number"' if k in numbers else "" for k in
             range(len(cells))]  # fmt: skip
    return "".join(
      f"<{tag}{kind}>{cell}</{tag}>"
      for kind, cell in zip(kinds, cells, strict=True)
    )

  body = "\n".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
  return (
    f'<div class="wide"><table><thead><tr>{line(heads, "th")}</tr></thead>'
    f"<tbody>{body}</tbody></table></div>"
  )


def _mark(number: Mapping[str, Any], value: str = "rate") -> Mark:
  interval = number["interval"]
  return Mark(number[value], Interval(*interval) if interval else None)


def _pairs(pairs: Sequence[Mapping[str, Any]]) -> str:
  """The table of rates."""
  if not pairs:
    return "<p>No judgement is left.</p>"
  rows = [
    [
      f"{_text(pair['first'])} over {_text(pair['second'])}",
      f"{pair['judgements']:,}",
      f"<b>{percent(pair['rate'])}</b>",
      interval_charts.bar(_mark(pair), 0.0, 1.0, even=0.5),
      percent_range(pair["interval"]),
      percent_range(pair["wilson"]),
      probability(pair["p"]),
      _text(verdict(pair)),
    ]
    for pair in pairs
  ]
  heads = [
    "pair", "judgements", "preferred", "0 to 100 %", "95 % interval",
    "if all were independent", "sign test", "",
  ]  # fmt: skip
  return _table(heads, rows, numbers=(1, 2, 4, 5))


def _curves(pairs: Sequence[Mapping[str, Any]]) -> str:
  """Rates over the time that pictures were shown for."""
  charts = []
  for pair in pairs:
    marks = [(at["ms"] / 1000, _mark(at)) for at in pair["times"] if at["ms"]]
    if marks:
      name = visible(f"{pair['first']} over {pair['second']}")
      charts.append(
        f"<figure>{interval_charts.over_time(name, marks)}</figure>"
      )
  if not charts:
    return ""
  rows = [
    [
      f"{_text(pair['first'])} over {_text(pair['second'])}",
      interval_charts.time_text(at["ms"] / 1000),
      f"{at['judgements']:,}",
      percent(at["rate"]),
      percent_range(at["interval"]),
      probability(at["p"]),
    ]
    for pair in pairs
    for at in pair["times"]
  ]
  heads = [
    "pair", "shown for", "judgements", "preferred", "95 % interval",
    "sign test",
  ]  # fmt: skip
  return (
    "<h2>Preference over the time that pictures are shown for</h2>\n"
    f'<div class="curves">{"".join(charts)}</div>\n'
    '<details class="small"><summary>As a table</summary>'
    f"{_table(heads, rows, numbers=(1, 2, 3, 4))}</details>"
  )


def _strengths(strengths: Mapping[str, Any] | None) -> str:
  """The scale of three or more methods."""
  if not strengths:
    return ""
  head = "<h2>Strengths (Bradley-Terry)</h2>\n"
  methods = sorted(strengths["methods"], key=lambda method: -method["log"])
  if not methods:
    return f"{head}<p>{_text(strengths['why_none'])}.</p>"
  marks = [_mark(method, "log") for method in methods]
  low, high = interval_charts.bounds(marks)
  rows = [
    [
      _text(method["method"]),
      f"<b>{method['log']:+.2f}</b>",
      interval_charts.bar(mark, low, high, even=0.0),
      "{:+.2f} to {:+.2f}".format(*mark.interval) if mark.interval else "-",
    ]
    for method, mark in zip(methods, marks, strict=True)
  ]
  heads = [
    "method", "log strength", f"{low:g} to {high:g}", "95 % interval",
  ]  # fmt: skip
  return (
    f"{head}{_table(heads, rows, numbers=(1, 3))}"
    '<p class="note">The difference of two is the log-odds that one is '
    "preferred over the other: 1 is 73 %, 2 is 88 %.</p>"
  )


def _care(analysis: Mapping[str, Any]) -> str:
  """What tells how careful the answers are."""
  kept, timing = analysis["kept"], analysis["timing"]
  rows = [
    [label, f"{share['yes']:,} of {share['count']:,}", percent(share["rate"]),
     percent_range(share["wilson"]), note]
    for label, share, note in (
      ("sentinels answered right", kept["sentinels"], ""),
      ("repeats decided as the first time", kept["repeats"],
       "50 % by chance"),
      ("the left picture chosen", kept["left"],
       f"50 % without bias, {probability(kept['left']['p'])}"),
    )
    if share["count"]
  ]  # fmt: skip
  if timing["trials"]:
    share = timing["left_out"] / timing["trials"]
    rows.append(
      [
        "shown for another time, left out",
        f"{timing['left_out']:,} of {timing['trials']:,}",
        percent(share),
        "",
        "of everybody",
      ]
    )
  return _table(["", "", "", "95 % interval", ""], rows, numbers=(1, 2, 3))


def _everybody(analysis: Mapping[str, Any]) -> str:
  return (
    "<h2>With everybody, nobody left out</h2>\n"
    f"{_pairs(analysis['all']['pairs'])}"
  )


def _participants(analysis: Mapping[str, Any]) -> str:
  """Who answered what, and the code by which each can be paid."""
  rows = [
    [
      _text(one["participant"]),
      f"{one['page']}",
      _text(one["code"]),
      _text(one["left_out"] or ""),
    ]
    for one in analysis["participants"]
  ]
  pages = analysis["pages"]
  heads = ["participant", "page", "completion code", "left out because of"]
  return (
    f"{_table(heads, rows, numbers=(1,))}"
    f'<p class="note">{pages["answered"]} of {pages["planned"]} pages are '
    "answered.</p>"
  )


def _method(analysis: Mapping[str, Any]) -> str:
  """What the numbers mean."""
  rule, bootstrap = analysis["rule"], analysis["bootstrap"]
  lines = [
    "The 95 % interval is by a bootstrap over participants and over stems "
    f"(label maps), {bootstrap['draws']:,} draws each from seed "
    f"{bootstrap['seed']}: the two variances are added and that of single "
    "judgements is taken off once. It is given as Wilson's interval at the "
    "number of independent judgements that would vary as much, with Student's "
    "quantile for the fewer of participants and stems.",
    "The interval and the sign test (exact, two-sided, against 50 %) that "
    "take all judgements as independent promise more than is known where "
    "participants or pictures differ.",
    "Left out is who answered more than "
    f"{counted(rule['most_sentinels_wrong'], 'sentinel')} wrong or whose "
    f"median answer came within {rule['least_median_rt_ms']:g} ms of the "
    "pictures. With limited times, trials that were shown for a time that is "
    f"off by more than {rule['most_frames_off']:g} frames, or in a hidden tab, "
    "are left out.",
  ]
  return "\n".join(f"<p>{_text(line)}</p>" for line in lines)
