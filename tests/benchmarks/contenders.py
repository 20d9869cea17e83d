"""The same work by three clients: ours, a loop that honours Retry-After, and Microsoft's SDK.

Each gives a function that makes one request for the rows of one thread; a refusal is waited out in
the way of the client.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from http.cookiejar import DefaultCookiePolicy
from itertools import count
from typing import Any

import requests
from azure.core.credentials import AccessToken
from PowerPlatform.Dataverse.client import DataverseClient as MicrosoftClient
from PowerPlatform.Dataverse.core.errors import HttpError

from connector.dataverse.client import DataverseClient
from connector.dataverse.limits.governor import GovernorOptions
from connector.dataverse.sign_in.options import SignInOptions
from connector.dataverse.wire.retrying import RetryPolicy
from connector.dataverse.wire.transport import TransportOptions
from connector.dataverse.wiring import ClientDependencies, ClientOptions, build_client
from connector.dataverse.writes.sender import WriteOptions
from connector.emulator.protection.throttle import Limits
from connector.emulator.server import EmulatorServer
from connector.errors import RetriableError
from connector.ports import RowWrite, TableQuery
from tests.benchmarks.emulated_time import EmulatedCondition, EmulatedTime

QUERY = TableQuery(table="lead", columns=("subject",))
CHANGE = {"subject": "x"}


class Kind(StrEnum):
    """What is done all the time."""

    PULL = "pull"
    SINGLE = "single"
    BATCH = "batch"
    MULTIPLE = "multiple"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """The work of all threads: each has its own leads."""

    kind: Kind
    ids: Sequence[Sequence[str]]
    limits: Limits
    emulator: EmulatorServer
    time: EmulatedTime

    @property
    def threads(self) -> int:
        """How many work at once."""
        return len(self.ids)


Work = Callable[[int], None]


def work_with_ours(job: Job) -> Work:
    """The client of this project, one for all threads, told the limits of one web server."""
    client = build_ours(job)
    sender = client._parts.sender

    def work(number: int) -> None:
        ids = job.ids[number]
        writes = [RowWrite(table="lead", id=i, etag=None, columns=CHANGE) for i in ids]
        try:
            match job.kind:
                case Kind.PULL:
                    client.fetch_rows(QUERY, ids)
                case Kind.SINGLE:
                    sender.write_one(writes[0])
                case Kind.BATCH:
                    sender._bulk.send_batch(writes)
                case Kind.MULTIPLE:
                    sender._bulk.send_multiple(writes)
        except RetriableError:
            job.time.sleep(1)

    return work


def build_ours(job: Job) -> DataverseClient:
    numbers = count()
    client = build_client(
        ClientOptions(
            url=job.emulator.url,
            sign_in=SignInOptions(mode="static_token", token="any"),
            transport=TransportOptions(connections=job.threads, ca_file=str(job.emulator.ca_file)),
            retry=RetryPolicy(budget=timedelta(hours=9)),
            governor=GovernorOptions(
                requests=job.limits.requests,
                execution_seconds=job.limits.seconds,
                max_concurrency=job.threads,
            ),
            writes=WriteOptions(concurrency=1),
        ),
        ClientDependencies(
            clock=job.time,
            sleep=job.time.sleep,
            random=random.Random(1).random,
            new_id=lambda: str(next(numbers)),
        ),
    )
    condition = EmulatedCondition()
    condition.time = job.time
    client._parts.channel.users._users[0].governor._free = condition
    return client


def work_with_loop(job: Job) -> Work:
    """What one writes in an afternoon: each thread waits as long as its 429 says."""
    session = requests.Session()
    session.trust_env, session.verify = False, str(job.emulator.ca_file)
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers["Authorization"] = "Bearer any"
    orders = [list(_describe_request(job, ids)) for ids in job.ids]

    def work(number: int) -> None:
        method, url, headers, body = orders[number]
        answer = session.request(method, url, headers=headers, data=body)
        if answer.status_code == 429:
            job.time.sleep(float(answer.headers["Retry-After"]))

    return work


def _describe_request(job: Job, ids: Sequence[str]) -> Iterator[Any]:
    """Method, URL, headers and body of the one request a thread sends."""
    api = f"{job.emulator.url}/api/data/v9.2"
    as_json = {"Content-Type": "application/json"}
    match job.kind:
        case Kind.PULL:
            listed = ",".join(f'"{row_id}"' for row_id in ids)
            condition = (
                f"Microsoft.Dynamics.CRM.In(PropertyName='leadid',PropertyValues=[{listed}])"
            )
            yield from ("GET", f"{api}/leads?$select=subject&$filter={condition}", {}, None)
        case Kind.SINGLE:
            body = json.dumps(CHANGE)
            yield from ("PATCH", f"{api}/leads({ids[0]})", {**as_json, "If-Match": "*"}, body)
        case Kind.BATCH:
            kind = {"Content-Type": "multipart/mixed; boundary=b"}
            yield from ("POST", f"{api}/$batch", kind, _write_batch(ids))
        case Kind.MULTIPLE:
            targets = [
                {"@odata.type": "Microsoft.Dynamics.CRM.lead", "leadid": row_id, **CHANGE}
                for row_id in ids
            ]
            url = f"{api}/leads/Microsoft.Dynamics.CRM.UpdateMultiple"
            yield from ("POST", url, as_json, json.dumps({"Targets": targets}))


def _write_batch(ids: Sequence[str]) -> str:
    head = "--b\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    parts = [
        f"{head}Content-ID: {number}\r\n\r\nPATCH /api/data/v9.2/leads({row_id}) HTTP/1.1\r\n"
        f"Content-Type: application/json\r\nIf-Match: *\r\n\r\n{json.dumps(CHANGE)}\r\n"
        for number, row_id in enumerate(ids, 1)
    ]
    return "".join(parts) + "--b--\r\n"


class AnyToken:
    """The emulator takes any token here."""

    def get_token(self, *scopes: str, **_: Any) -> AccessToken:
        return AccessToken("any", 4_000_000_000)


def work_with_microsofts(job: Job) -> Work:
    """Microsoft's client for Python, its exception for 429 answered by the wait it carries."""
    clients = [MicrosoftClient(job.emulator.url, AnyToken()) for _ in job.ids]

    def work(number: int) -> None:
        try:
            _do_with_microsofts(clients[number], job.kind, job.ids[number])
        except HttpError as error:
            job.time.sleep(float(error.details.get("retry_after") or 1))

    return work


def _do_with_microsofts(client: MicrosoftClient, kind: Kind, ids: Sequence[str]) -> None:
    match kind:
        case Kind.PULL:
            listed = ",".join(f'"{row_id}"' for row_id in ids)
            condition = (
                f"Microsoft.Dynamics.CRM.In(PropertyName='leadid',PropertyValues=[{listed}])"
            )
            client.records.list("lead", select=["subject"], filter=condition)
        case Kind.SINGLE:
            client.records.update("lead", ids[0], CHANGE)
        case Kind.BATCH:
            batch = client.batch.new()
            for row_id in ids:
                batch.records.update("lead", row_id, CHANGE)
            batch.execute(continue_on_error=True)
        case Kind.MULTIPLE:
            client.records.update("lead", list(ids), CHANGE)


CONTENDERS: dict[str, Callable[[Job], Work]] = {
    "leadrobin": work_with_ours,
    "honours Retry-After": work_with_loop,
    "Microsoft's SDK": work_with_microsofts,
}
