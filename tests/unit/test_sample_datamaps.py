"""The data maps of the sample companies speak Fides, and mark what a form asks for."""

from __future__ import annotations

from collections import Counter

import pytest
from fideslang.default_taxonomy import DEFAULT_TAXONOMY

from support.samples import COMPANIES, REFERENCE

CATEGORIES = {category.fides_key for category in DEFAULT_TAXONOMY.data_category}
SUBJECTS = {subject.fides_key for subject in DEFAULT_TAXONOMY.data_subject}


def _with_nested(field):
    yield field
    for nested in field.fields or []:
        yield from _with_nested(nested)


@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_every_field_has_a_category_of_the_taxonomy(company):
    for name, field in company.fields():
        for part in _with_nested(field):
            assert part.data_categories, f"{name}: {part.name} is not classified"
            assert set(part.data_categories) <= CATEGORIES, f"{name}: {part.name}"


@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_no_field_is_both_personal_and_declared_free_of_personal_data(company):
    for name, field in company.fields():
        kinds = {category.partition(".")[0] for category in field.data_categories}
        assert kinds in ({"user"}, {"system"}), name


@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_a_collection_with_personal_data_names_its_subjects(company):
    for _, collection in company.collections():
        is_personal = any(c.startswith("user") for field in collection.fields for c in field.data_categories)
        subjects = set(collection.data_subjects or [])
        assert bool(subjects) >= is_personal, collection.name
        assert subjects <= SUBJECTS, collection.name


@pytest.mark.parametrize("company", COMPANIES, ids=str)
def test_every_reference_leads_to_a_mapped_field_and_says_in_which_direction(company):
    mapped = {
        (dataset.fides_key, f"{collection.name}.{field.name}")
        for dataset in company.datasets()
        for collection in dataset.collections
        for field in collection.fields
    }
    for name, field in company.fields():
        for reference in field.fides_meta.references or [] if field.fides_meta else []:
            assert (reference.dataset, reference.field) in mapped, name
            assert reference.direction is not None, name


def test_whatever_holds_an_address_or_number_of_a_person_can_be_searched_by_it():
    """W4: a subject is found in every table that knows how to reach them."""
    identities = {"user.contact.email": "email", "user.contact.phone_number": "phone_number"}
    for company in COMPANIES:
        for name, field in company.fields():
            for part in _with_nested(field):
                for category in identities.keys() & set(part.data_categories):
                    assert part.fides_meta.identity == identities[category], f"{name}: {part.name}"


def test_what_a_form_asks_for_is_marked_once_as_mandatory_or_optional():
    """W3: the mark stands in the dataset's meta, and only for columns the map knows."""
    marked = Counter()
    for dataset in REFERENCE.datasets():
        fields = {f"{c.name}.{field.name}" for c in dataset.collections for field in c.fields}
        for collection, marks in dataset.meta["asked_for"].items():
            assert set(marks) == {"mandatory", "optional"} or set(marks) == {"mandatory"}, collection
            names = [f"{collection}.{name}" for mark in marks.values() for name in mark]
            assert set(names) <= fields, collection
            marked.update(names)
    assert marked
    assert max(marked.values()) == 1


def test_every_volunteered_name_address_and_number_is_marked():
    """W3: no column that a form fills is left without a mark."""
    for dataset in REFERENCE.datasets():
        asked_for = dataset.meta["asked_for"]
        for collection in dataset.collections:
            if collection.name not in asked_for:
                continue
            marked = {name for mark in asked_for[collection.name].values() for name in mark}
            given = {
                field.name
                for field in collection.fields
                if any(
                    c.startswith(("user.name", "user.contact.", "user.job")) for c in field.data_categories
                )
            }
            assert given <= marked, collection.name
