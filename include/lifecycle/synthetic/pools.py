"""Invented values: what Faker makes up, the same for the same seed."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from lifecycle.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from faker import Faker

    from lifecycle.synthetic.sample import Pool, Weights

_SPACES = re.compile(r"\s+")


def records(name: str, pool: Pool, weights: Weights, seed: int) -> Iterator[tuple[int | str, ...]]:
    """The records of a pool: the position, from 1, and one text per column of the pool.

    All values of a record come from one locale. Line breaks inside a value become spaces. Each pool draws
    from its own seed, so that changing one leaves the others as they are.

    Raises:
        UsageError: Faker has no such locale or provider.
    """
    chances = pool.locales or weights
    chooser = random.Random(f"{seed}/{name}")  # noqa: S311  invented people, not secrets
    makers = {locale: _makers(name, pool, locale, seed) for locale in chances}
    locales = chooser.choices(list(chances), weights=list(chances.values()), k=pool.size)
    for position, locale in enumerate(locales, start=1):
        yield position, *(_SPACES.sub(" ", make()) for make in makers[locale])


def _makers(name: str, pool: Pool, locale: str, seed: int) -> list[Callable[[], str]]:
    fake = _faker(name, locale)
    fake.seed_instance(f"{seed}/{name}/{locale}")
    return [_maker(name, provider, locale, fake) for provider in pool.columns.values()]


def _faker(name: str, locale: str) -> Faker:
    from faker import Faker

    try:
        return Faker(locale)
    except AttributeError as error:
        raise UsageError(
            f"Faker does not know the locale {locale}",
            place=f"pools.yaml, {name}",
            next_step="use one that Faker lists under its localized providers",
        ) from error


def _maker(name: str, provider: str, locale: str, fake: Faker) -> Callable[[], str]:
    language, territory = locale.split("_")
    if provider == "locale_language":
        return lambda: language
    if provider == "locale_territory":
        return lambda: territory
    method = getattr(fake, provider, None)
    if provider.startswith("_") or not callable(method):
        raise UsageError(
            f"Faker has no provider {provider}",
            place=f"pools.yaml, {name}",
            next_step="use a method of Faker, locale_language or locale_territory",
        )
    return lambda: str(method())
