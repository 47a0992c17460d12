"""The longest texts, in characters, that are taken from Panelr's answers and from orders.

What identifies a work order is not used if it is longer: a part of it would be another one's. What is only shown is
cut.
"""

REFERENCE_CODE = 100
CONFIRMATION_TOKEN = 500
STATUS = 40
WC_ORDER_ID = 100
CURRENCY = 10
DATE = 40
NAME = 200
USERNAME = 60
USERNAMES = 5
"""How many of a line's user names are kept."""
WORDS = 300
"""Panelr's own words in a reason."""
CONDITION_KEY = 100
CONDITION_VALUE = 200
CONDITIONS = 10
"""How many conditions a mapping may have."""
CONDITIONS_BYTES = 1000
"""The largest size of a mapping's conditions together, in UTF-8: PostgreSQL's indexes hold no more."""
