"""async_status: how a job stands, or an end to what it left behind."""

from __future__ import annotations

from typing import ClassVar, Literal

from runner.errors import TaskFailed
from runner.frozen import frozen
from runner.hosts import jobs
from runner.hosts.contract import Reader
from runner.hosts.jobs import Stage
from runner.modules.contract import Acting, Change, Outcome, Reading


@frozen
class AsyncStatusArgs:
    jid: str
    mode: Literal["status", "cleanup"] = "status"


class AsyncStatus:
    name: ClassVar = "async_status"
    Args = AsyncStatusArgs

    def preview(self, at: Reading, args: AsyncStatusArgs) -> Change:
        if args.mode == "status":
            changed, data = _told(at.host, args.jid)
            return Change(changed, f"looks at the job {args.jid}", data=data)
        is_there = jobs.look(at.host, args.jid).stage is not Stage.ABSENT
        return Change(is_there, f"removes the job {args.jid}")

    def apply(self, at: Acting, args: AsyncStatusArgs) -> Outcome:
        if args.mode == "status":
            return Outcome(*_told(at.host, args.jid))
        state = jobs.look(at.host, args.jid)
        if state.stage is Stage.RUNNING:
            jobs.kill(at.host, args.jid)
        place = jobs.where(at.host, args.jid)
        jobs.remove(at.host, args.jid)
        data = {"ansible_job_id": args.jid, "erased": place, "started": False, "finished": False}
        return Outcome(state.stage is not Stage.ABSENT, data)


def _told(reader: Reader, job: str) -> tuple[bool, dict[str, object]]:
    state = jobs.look(reader, job)
    data: dict[str, object] = {
        "ansible_job_id": job,
        "results_file": jobs.where(reader, job),
        "started": True,
        "finished": state.stage is not Stage.RUNNING,
    }
    if state.stage is Stage.ABSENT:
        raise TaskFailed("could not find job", hint="ask on the host and as the user it was started with", data=data)
    if state.stage is Stage.LOST:
        error = jobs.lost(job)
        raise TaskFailed(error.message, why=error.why, hint=error.hint, data=data)
    if state.stage is Stage.RUNNING:
        return False, data
    output, errors = jobs.output(reader, job)
    data |= {"rc": state.status, "stdout": output.rstrip("\r\n"), "stderr": errors.rstrip("\r\n")}
    if state.stage is Stage.LATE:
        raise TaskFailed("the job took longer than `async` allowed and was killed", data=data)
    if state.status:
        said = (errors.strip() or output.strip()).splitlines()[-1:]
        message = f"the job ended with status {state.status}"
        raise TaskFailed(": ".join([message, *said]), data={**data, "changed": True})
    return True, data
