"""s3_bucket: a bucket of an S3-compatible store, as backups need one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

from runner.errors import Refused, TaskFailed
from runner.frozen import frozen
from runner.modules.cloud.bucket import State, change, diff
from runner.modules.cloud.lifecycle import RuleArgs, from_json, from_rules, normal
from runner.modules.cloud.s3 import Connection, Store
from runner.modules.contract import Acting, Change, Outcome, Reading
from runner.secret import Secret

_BLOCKED = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


@frozen
class LockArgs:
    mode: Literal["governance", "compliance"]
    days: int


@frozen
class S3BucketArgs:
    name: str
    state: Literal["present", "absent"] = "present"
    versioning: bool | None = None
    lifecycle: tuple[RuleArgs, ...] | None = None
    lifecycle_file: str | None = None
    object_lock_enabled: bool = False
    object_lock_default: LockArgs | None = None
    block_public_access: bool = True
    encryption: Literal["AES256", "aws:kms"] | None = None
    encryption_key_id: str | None = None
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key: Secret | None = None
    secret_key: Secret | None = None
    session_token: Secret | None = None
    profile: str | None = None

    @property
    def connection(self) -> Connection:
        return Connection(
            self.endpoint_url, self.region, self.access_key, self.secret_key, self.session_token, self.profile
        )


class S3Bucket:
    name: ClassVar = "s3_bucket"
    Args = S3BucketArgs

    def preview(self, at: Reading, args: S3BucketArgs) -> Change:
        with Store(args.connection) as store:
            before, after = _compared(at, store, args)
        return change(args.name, before, after)

    def apply(self, at: Acting, args: S3BucketArgs) -> Outcome:
        with Store(args.connection) as store:
            before, after = _compared(at, store, args)
            if after == before:
                return Outcome(False, {"name": args.name})
            if not after:
                store.call("delete_bucket", Bucket=args.name)
            else:
                _make(store, args, before, after)
        return Outcome(True, {"name": args.name}, diff=diff(args.name, before, after))


def _compared(at: Reading, store: Store, args: S3BucketArgs) -> tuple[State, State]:
    """The bucket as it is and as it is to be; Refused if no way leads from one to the other."""
    wanted, before = _wanted(at, args), _state(store, args)
    _refuse_impossible(before, args)
    return before, {**before, **wanted} if wanted else {}


def _make(store: Store, args: S3BucketArgs, before: State, after: State) -> None:
    if not before:
        more: dict[str, Any] = {"ObjectLockEnabledForBucket": True} if args.object_lock_enabled else {}
        if args.region != "us-east-1":
            more["CreateBucketConfiguration"] = {"LocationConstraint": args.region}
        store.call("create_bucket", Bucket=args.name, **more)
        before = _state(store, args)
    for name, put in _CHANGES.items():
        if name in after and after[name] != before.get(name):
            put(store, args, after[name])


def _wanted(at: Reading, args: S3BucketArgs) -> State:
    """What the arguments say; what they leave out stays as it is."""
    if args.state == "absent":
        return {}
    if args.lifecycle is not None and args.lifecycle_file is not None:
        raise TaskFailed("lifecycle and lifecycle_file are mutually exclusive", hint="give one of them")
    found: dict[str, Any] = {"name": args.name, "block_public_access": args.block_public_access}
    if args.versioning is not None or args.object_lock_enabled:
        found["versioning"] = args.versioning is not False
    if args.lifecycle is not None:
        found["lifecycle"] = from_rules(args.lifecycle)
    if args.lifecycle_file is not None:
        found["lifecycle"] = from_json(at.content(at.find("files", args.lifecycle_file)), args.lifecycle_file)
    if args.object_lock_enabled:
        found["object_lock_enabled"] = True
    if args.object_lock_default is not None:
        lock = args.object_lock_default
        found["object_lock_default"] = {"Mode": lock.mode.upper(), "Days": lock.days}
    if args.encryption is not None:
        key = {"KMSMasterKeyID": args.encryption_key_id} if args.encryption_key_id else {}
        found["encryption"] = {"SSEAlgorithm": args.encryption, **key}
    return found


def _state(store: Store, args: S3BucketArgs) -> State:
    bucket = {"Bucket": args.name}
    if store.ask("head_bucket", **bucket) is None:
        return {}
    rules = store.ask("get_bucket_lifecycle_configuration", **bucket) or {}
    lock = (store.ask("get_object_lock_configuration", **bucket) or {}).get("ObjectLockConfiguration", {})
    kept = lock.get("Rule", {}).get("DefaultRetention", {})
    blocked = (store.ask("get_public_access_block", **bucket) or {}).get("PublicAccessBlockConfiguration", {})
    sealed = (store.ask("get_bucket_encryption", **bucket) or {}).get("ServerSideEncryptionConfiguration", {})
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in sealed.get("Rules", ())]
    found: dict[str, Any] = {
        "name": args.name,
        "versioning": store.call("get_bucket_versioning", **bucket).get("Status") == "Enabled",
        "lifecycle": normal(rules.get("Rules", [])),
        "object_lock_enabled": lock.get("ObjectLockEnabled") == "Enabled",
        # Some stores add the unit that is not used, as zero.
        "object_lock_default": {key: value for key, value in kept.items() if value} or None,
        "block_public_access": all(blocked.get(name) for name in _BLOCKED),
        "encryption": defaults[0] if defaults else None,
    }
    return found


def _refuse_impossible(before: State, args: S3BucketArgs) -> None:
    if not before or args.state == "absent":
        return
    if args.object_lock_enabled and not before["object_lock_enabled"]:
        raise Refused(
            f"bucket {args.name} is there without Object Lock",
            where=args.connection.where,
            why="stores give it to new buckets only, and it cannot be made to look as if it had it",
            hint="make another bucket with object_lock_enabled and copy the backups (sentraplay backups copy)",
        )
    if args.versioning is False and before["object_lock_enabled"]:
        raise Refused(f"bucket {args.name} has Object Lock, which needs its versions", where=args.connection.where)


def _put_versioning(store: Store, args: S3BucketArgs, wanted: bool) -> None:
    status = {"Status": "Enabled" if wanted else "Suspended"}
    store.call("put_bucket_versioning", Bucket=args.name, VersioningConfiguration=status)


def _put_lifecycle(store: Store, args: S3BucketArgs, wanted: list[dict[str, Any]]) -> None:
    if wanted:
        store.call("put_bucket_lifecycle_configuration", Bucket=args.name, LifecycleConfiguration={"Rules": wanted})
    else:
        store.call("delete_bucket_lifecycle", Bucket=args.name)


def _put_lock(store: Store, args: S3BucketArgs, wanted: Mapping[str, Any]) -> None:
    said = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": dict(wanted)}}
    store.call("put_object_lock_configuration", Bucket=args.name, ObjectLockConfiguration=said)


def _put_public(store: Store, args: S3BucketArgs, wanted: bool) -> None:
    said = dict.fromkeys(_BLOCKED, wanted)
    store.call("put_public_access_block", Bucket=args.name, PublicAccessBlockConfiguration=said)


def _put_encryption(store: Store, args: S3BucketArgs, wanted: Mapping[str, Any]) -> None:
    rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": dict(wanted)}]}
    store.call("put_bucket_encryption", Bucket=args.name, ServerSideEncryptionConfiguration=rules)


_CHANGES: Mapping[str, Callable[[Store, S3BucketArgs, Any], None]] = {
    "block_public_access": _put_public,
    "versioning": _put_versioning,
    "encryption": _put_encryption,
    "object_lock_default": _put_lock,
    "lifecycle": _put_lifecycle,
}
