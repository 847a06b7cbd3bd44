"""What may be written as a period, and what is refused."""

from __future__ import annotations

from lifecycle.errors import UsageError
from lifecycle.timelimits import Period
from spec.chapter import Chapter, cases


def parse(text: str) -> str:
    try:
        period = Period.parse(text)
    except UsageError as error:
        return f"refused: {error.message}"
    return str(period)


CHAPTERS = (
    Chapter(
        title="Writing a period",
        text=(
            "A period is an ISO 8601 duration of calendar units. Twelve months are a year and seven days "
            "a week by definition, so these are folded; nothing else is, because a month has no fixed "
            "number of days."
        ),
        given=("written",),
        gives="read as",
        ask=parse,
        cases=cases(
            ("P30D", "P30D", "Thirty days stay thirty days: they are not a month."),
            ("P2W", "P14D", "A week is seven days wherever it begins."),
            ("P12M", "P1Y", "Twelve months and one year end on the same day whatever the event."),
            ("P3Y", "P3Y", "The customer promise of three years."),
            ("P18M", "P1Y6M", "Months beyond twelve fill up years."),
            ("P1Y2M3D", "P1Y2M3D", "Units may be combined, largest first."),
            ("P0Y30D", "P30D", "A unit of zero says nothing."),
            ("P200Y", "P200Y", "The longest period that is believed."),
        ),
    ),
    Chapter(
        title="Periods that are refused",
        text="Each would be a promise nobody meant. The error names the next step with an example.",
        given=("written",),
        gives="answer",
        ask=parse,
        cases=cases(
            (
                "P0D",
                "refused: the period is empty, nothing could be kept for it",
                "Data that may be kept for no time may not be collected; that is not a retention rule.",
            ),
            (
                "P-30D",
                "refused: 'P-30D' is not a period of calendar days",
                "A negative period would end before the event.",
            ),
            (
                "-P30D",
                "refused: '-P30D' is not a period of calendar days",
                "A sign in front is a negative period too.",
            ),
            (
                "PT24H",
                "refused: 'PT24H' is not a period of calendar days",
                "Hours end in the middle of a day, and a day of a clock change does not have 24 of them.",
            ),
            (
                "P1DT12H",
                "refused: 'P1DT12H' is not a period of calendar days",
                "A time part is refused beside days as well.",
            ),
            (
                "P9999Y",
                "refused: the period is longer than 200 years, which no law asks for",
                "A number that keeps data for ever is a typing error or an evasion.",
            ),
            (
                "P73049D",
                "refused: the period is longer than 200 years, which no law asks for",
                "200 years of the Gregorian calendar are 73,048 days and a half.",
            ),
            (
                "P1.5Y",
                "refused: 'P1.5Y' is not a period of calendar days",
                "Half a year has no last day; six months do.",
            ),
            (
                "P3D2M",
                "refused: 'P3D2M' is not a period of calendar days",
                "Units stand in the order of the standard, largest first.",
            ),
            (
                "P1W2D",
                "refused: 'P1W2D' is not a period of calendar days",
                "Weeks stand alone in the standard; write nine days.",
            ),
            ("30 days", "refused: '30 days' is not a period of calendar days", "Prose is not a duration."),
            (
                "p30d",
                "refused: 'p30d' is not a period of calendar days",
                "The standard's letters are capitals.",
            ),
            ("P", "refused: 'P' is not a period of calendar days", "A designator without a number."),
            ("", "refused: '' is not a period of calendar days", "Nothing was written."),
        ),
    ),
)
