"""The record of processing activities that a controller must keep (GDPR Art. 30(1)), made from policy and map."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lifecycle.policy.notice import categories, party, purpose_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lifecycle.datamap.model import DataMap
    from lifecycle.policy.model import Policy, Purpose

FORMAT = "lifecycle record of processing 1"


def record_of_processing(policy: Policy, datamap: DataMap) -> dict[str, Any]:
    """The record, an activity for each purpose, as JSON. Nothing personal is in it."""
    return {
        "format": FORMAT,
        "policy": policy.policy.name,
        "policy_version": policy.version,
        "controller": party(policy.controller),
        "authority": party(policy.authority),
        "activities": [
            _activity(policy, datamap, name, purpose) for name, purpose in policy.purposes.items()
        ],
        "measures": [
            {"commitment": name, "promise": one.promise, "kept_by": list(one.kept_by)}
            for name, one in policy.commitments.items()
            if one.kept_by
        ],
    }


def _activity(policy: Policy, datamap: DataMap, name: str, purpose: Purpose) -> dict[str, Any]:
    described = [one for one in purpose.collections if one in datamap.collections]
    subjects = {subject for one in described for subject in datamap.collections[one].subjects}
    return {
        **purpose_of(policy, name),
        "collections": list(purpose.collections),
        "subjects": sorted(subjects),
        "categories": categories(datamap, described),
        "sources": [
            source.description
            for source in policy.sources.values()
            if set(source.collections) & set(described)
        ],
        "recipients": [
            {"recipient": key, "category": one.category, "region": one.region, "safeguard": one.safeguard}
            for key, one in policy.recipients.items()
            if set(one.receives) & set(described)
        ],
        "kept": list(_kept(policy, described)),
    }


def _kept(policy: Policy, collections: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The time limits of what an activity uses; what belongs to a row goes with it."""
    wanted = set(collections)
    for part, promises in (("rule", policy.rules), ("duty", policy.statutory)):
        for name, promise in promises.items():
            if wanted & set(promise.applies_to):
                yield {
                    part: name,
                    "collections": sorted(wanted & set(promise.applies_to)),
                    "keep": str(promise.keep),
                    "starts": promise.starts,
                }


def as_markdown(record: dict[str, Any]) -> str:
    """The record as a document that people read."""
    controller = ", ".join(
        value for name, value in record["controller"].items() if name not in {"name", "role"}
    )
    lines = [
        f"# Record of processing: {record['controller']['name']}",
        "",
        f"{record['policy']}, version of {record['policy_version']}. {controller}.",
        f"Supervisory authority: {record['authority']['name']}.",
    ]
    for activity in record["activities"]:
        lines += ["", f"## {activity['description']}", "", *_facts(activity)]
    lines += ["", "## Measures", ""]
    lines += [
        f"- {one['commitment']}: {one['promise']} ({', '.join(one['kept_by'])})" for one in record["measures"]
    ]
    return "\n".join(lines) + "\n"


def _facts(activity: dict[str, Any]) -> Iterator[str]:
    yield f"- Basis: {activity['basis_in_words']}"
    for label, name in (("Subjects", "subjects"), ("Data", "categories"), ("Collections", "collections")):
        if activity[name]:
            yield f"- {label}: {', '.join(activity[name])}"
    for source in activity["sources"]:
        yield f"- Source: {source}"
    for one in activity["recipients"]:
        safeguard = f", {one['safeguard']}" if one["safeguard"] else ""
        yield f"- Recipients: {one['category']} ({one['region']}{safeguard})"
    for one in activity["kept"]:
        name = one.get("rule") or one.get("duty")
        yield f"- Kept: {', '.join(one['collections'])} for {one['keep']} from {one['starts']} ({name})"
