"""What browsers send and customers enter that releases are divided by, and what is to be told of it.

Only what stands here has to be told apart, so it is simply known; nothing of the engine's telling is used.
"""

from __future__ import annotations

UNKNOWN, ROBOT = "unknown", "robot"

AGENTS = {
    "agent": UNKNOWN,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/126.0 Safari/537.36": "desktop",
    "Mozilla/5.0 (X11; Linux x86_64; rv:127.0) Gecko/20100101 Firefox/127.0": "desktop",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1 Mobile/15E148 Safari/604.1": "mobile",
    "Mozilla/5.0 (iPad; CPU OS 17_5 like Mac OS X) AppleWebKit/605.1 Mobile/15E148 Safari/604.1": "tablet",
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ROBOT,
    "curl/8.5.0": ROBOT,
    " ": UNKNOWN,
}
"""The kind of device of each browser."""
COUNTRIES = {"EE": "EE", "FI": "FI", "ee": "EE", " LV": "LV", "": UNKNOWN, "Estonia": UNKNOWN}
"""Countries as a connection's is written."""
PATHS = {
    "/": "/",
    "/pricing": "/pricing",
    "/Pricing": "/Pricing",
    "/about": "/about",
    "/jobs": "/jobs",
    " ": UNKNOWN,
}
TITLES = {
    "Buyer": "other",
    "Head of sales": "sales",
    "Account manager": "sales",
    "Accountant": "finance",
    "Software engineer": "engineering",
    "Salesman": "other",
    "Founder": "management",
    None: UNKNOWN,
    " ": UNKNOWN,
}
"""What persons are at work, and their job family."""
SENIORITIES = {"junior": "junior", "senior": "senior", "director": "director", None: UNKNOWN}
LIVES = {"EE": "EE", "FI": "FI", "": UNKNOWN}
"""Countries of persons, as customers enter them."""
SECONDS = ("0", "12", "12", "90", "400", "5000")
"""How long a page is in view."""
