"""gcs_bucket: a bucket of Google Cloud Storage, as backups need one."""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal

from runner.errors import ObjectNotFound, Refused, RepositoryError, TaskFailed
from runner.frozen import frozen
from runner.modules.cloud.bucket import State, change, diff
from runner.modules.cloud.gcs import GoogleStore
from runner.modules.cloud.gcs_lifecycle import GcsRuleArgs, from_json, from_rules, normal
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.secret import Secret

_DAY: Final = 24 * 60 * 60


@frozen
class RetentionArgs:
    days: int
    locked: bool = False


@frozen
class GcsBucketArgs:
    name: str
    state: Literal["present", "absent"] = "present"
    location: str | None = None
    storage_class: str | None = None
    versioning: bool | None = None
    lifecycle: tuple[GcsRuleArgs, ...] | None = None
    lifecycle_file: str | None = None
    retention: RetentionArgs | None = None
    object_retention_enabled: bool = False
    block_public_access: bool = True
    kms_key_name: str | None = None
    project: str | None = None
    service_account_file: str | None = None
    service_account_contents: Secret | None = None
    endpoint_url: str | None = None


class GcsBucket:
    name: ClassVar = "gcs_bucket"
    Args = GcsBucketArgs

    def preview(self, at: Reading, args: GcsBucketArgs) -> Change:
        with GoogleStore(args) as store:
            before, after = _compared(at, store, args)
        return change(args.name, before, after)

    def apply(self, at: Acting, args: GcsBucketArgs) -> Outcome:
        with GoogleStore(args) as store:
            before, after = _compared(at, store, args)
            if after == before:
                return Outcome(False, {"name": args.name})
            if after:
                _make(store, args, before, after)
            else:
                _remove(store, args)
        return Outcome(True, {"name": args.name}, diff=diff(args.name, before, after))


def _compared(at: Reading, store: GoogleStore, args: GcsBucketArgs) -> tuple[State, State]:
    """The bucket as it is and as it is to be; Refused if no way leads from one to the other."""
    wanted, before = _wanted(at, args), _state(store, args)
    if before and wanted:
        _refuse_impossible(before, args)
    return before, {**before, **wanted} if wanted else {}


def _wanted(at: Reading, args: GcsBucketArgs) -> State:
    """What the arguments say; what they leave out stays as it is."""
    if args.state == "absent":
        return {}
    if args.lifecycle is not None and args.lifecycle_file is not None:
        raise TaskFailed("lifecycle and lifecycle_file are mutually exclusive", hint="give one of them")
    found: dict[str, Any] = {"name": args.name, "block_public_access": args.block_public_access}
    plain = {"versioning": args.versioning, "storage_class": args.storage_class, "kms_key_name": args.kms_key_name}
    found |= {name: value for name, value in plain.items() if value is not None}
    if args.lifecycle is not None:
        found["lifecycle"] = from_rules(args.lifecycle)
    if args.lifecycle_file is not None:
        found["lifecycle"] = from_json(at.content(at.find("files", args.lifecycle_file)), args.lifecycle_file)
    if args.retention is not None:
        found["retention"] = {"days": args.retention.days, "locked": args.retention.locked}
    if args.object_retention_enabled:
        found["object_retention_enabled"] = True
    return found


def _state(store: GoogleStore, args: GcsBucketArgs) -> State:
    bucket = _known(store, args.name)
    if bucket is None:
        return {}
    kept = bucket.retention_period
    iam = bucket.iam_configuration
    return {
        "name": args.name,
        "location": bucket.location,
        "storage_class": bucket.storage_class,
        "versioning": bool(bucket.versioning_enabled),
        "lifecycle": normal([dict(rule) for rule in bucket.lifecycle_rules]),
        "retention": {"days": kept / _DAY, "locked": bool(bucket.retention_policy_locked)} if kept else None,
        "object_retention_enabled": bucket.object_retention_mode == "Enabled",
        "block_public_access": iam.public_access_prevention == "enforced" and iam.uniform_bucket_level_access_enabled,
        "kms_key_name": bucket.default_kms_key_name,
    }


def _known(store: GoogleStore, name: str) -> Any:
    """The bucket with all that Google says of it; None if there is none."""
    bucket = store.client.bucket(name)
    with store.explained(f"looking at bucket {name}"):
        if not bucket.exists(retry=store.retry):
            return None
        bucket.reload(retry=store.retry)
    return bucket


def _refuse_impossible(before: State, args: GcsBucketArgs) -> None:
    if args.object_retention_enabled and not before["object_retention_enabled"]:
        raise Refused(
            f"bucket {args.name} is there without retention of objects",
            where=args.name,
            why="this module gives it to new buckets only",
            hint="make another bucket with object_retention_enabled and copy the backups (sentraplay backups copy)",
        )
    if args.location is not None and args.location.upper() != before["location"].upper():
        raise Refused(
            f"bucket {args.name} is in {before['location']}, and buckets do not move",
            where=args.name,
            hint="make another bucket there and copy the backups (sentraplay backups copy)",
        )


def _make(store: GoogleStore, args: GcsBucketArgs, before: State, after: State) -> None:
    bucket = _known(store, args.name) if before else store.client.bucket(args.name)
    _tell(bucket, {name: value for name, value in after.items() if value != before.get(name)})
    with store.explained(f"{'changing' if before else 'creating'} bucket {args.name}"):
        if before:
            bucket.patch(retry=store.retry)
        else:
            store.client.create_bucket(
                bucket,
                location=args.location,
                enable_object_retention=args.object_retention_enabled,
                retry=store.retry,
            )
        if args.retention is not None and args.retention.locked and not (before.get("retention") or {}).get("locked"):
            bucket.reload(retry=store.retry)
            bucket.lock_retention_policy(retry=store.retry)


def _tell(bucket: Any, changes: State) -> None:
    """Note the changes in Google's object, which sends them all at once."""
    for name, value in changes.items():
        match name:
            case "versioning":
                bucket.versioning_enabled = value
            case "storage_class":
                bucket.storage_class = value
            case "lifecycle":
                bucket.lifecycle_rules = value
            case "retention":
                bucket.retention_period = value["days"] * _DAY
            case "kms_key_name":
                bucket.default_kms_key_name = value
            case "block_public_access":
                bucket.iam_configuration.public_access_prevention = "enforced" if value else "inherited"
                # What single objects say of themselves is looked at no more; that is never taken back here.
                bucket.iam_configuration.uniform_bucket_level_access_enabled |= value


def _remove(store: GoogleStore, args: GcsBucketArgs) -> None:
    bucket = store.client.bucket(args.name)
    with store.explained(f"looking into bucket {args.name}"):
        if any(True for _ in bucket.list_blobs(versions=True, max_results=1, retry=store.retry)):
            raise RepositoryError(
                f"bucket {args.name} is not empty",
                where=store.where,
                hint="remove what is in it first, versions included; nothing was removed",
            )
    try:
        with store.explained(f"removing bucket {args.name}"):
            bucket.delete(retry=store.retry)
    except ObjectNotFound:
        return
