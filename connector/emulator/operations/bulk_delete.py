"""BulkDelete: a job that deletes what its queries find; here it is finished when it is answered.

https://learn.microsoft.com/power-apps/developer/data-platform/webapi/reference/bulkdelete
The job is a row of `asyncoperation`; how many rows went is in `bulkdeleteoperation`.
"""

from dataclasses import dataclass

from connector.emulator.catalog.table_definition import TableDefinition
from connector.emulator.operations.call import Call, Handler
from connector.emulator.organization.clock import timestamp
from connector.emulator.organization.organization import ROOT_UNIT_ID, SYSTEM_USER_ID
from connector.emulator.protocol.error_codes import ErrorCode
from connector.emulator.protocol.errors import ODataError, invalid_argument
from connector.emulator.protocol.json_shapes import Json, as_list
from connector.emulator.protocol.messages import Caller, Response
from connector.emulator.query.fetch.plan import plan_fetch
from connector.emulator.query.fetch.query_expression import parse_query_expression
from connector.emulator.query.fetch.sources import find_table
from connector.emulator.query.odata.plan import MAIN_ALIAS
from connector.emulator.query.sql.fragments import column_sql
from connector.emulator.resources.row_set import query_context
from connector.emulator.rows.writes import Writer

BULK_DELETE_TYPE = 13
COMPLETED, SUCCEEDED, FAILED = 3, 30, 31


@dataclass(slots=True)
class BulkDeleteCounts:
    """How many rows a job deleted and how many it could not delete."""

    succeeded: int = 0
    failed: int = 0


def _bulk_delete(call: Call) -> Response:
    body = call.request.json_object()
    queries = as_list(body.get("QuerySet"))
    if not queries:
        raise invalid_argument("'QuerySet' must hold at least one query.")
    if body.get("RecurrencePattern"):
        message = "A recurring BulkDelete is not served by the emulator: its jobs run at once."
        raise ODataError(501, ErrorCode.INVALID_ARGUMENT, message)
    found = [each for query in queries for each in _found(call, query)]
    counts = BulkDeleteCounts()
    for table, row_id in found:
        _delete_one(call, table, row_id, counts)
    job_id = _record_job(call, str(body.get("JobName") or "Bulk delete"), counts)
    return call.answer("BulkDeleteResponse", {"JobId": job_id})


def _found(call: Call, query: Json) -> list[tuple[TableDefinition, str]]:
    tree = parse_query_expression(query)
    context = query_context(call.organization, call.request)
    table = find_table(context, tree.entity.name)
    for verb in ("Read", "Delete"):
        call.privileges.raise_if_denied(call.request.caller, verb, table)
    plan = plan_fetch(table, tree, context)
    key = column_sql(MAIN_ALIAS, table.primary_id)
    limit = -1 if tree.top is None else tree.top
    sql = f"SELECT DISTINCT {key} {plan.source.text} ORDER BY 1 LIMIT {limit}"
    rows = call.organization.storage.query(sql, plan.source.parameters)
    return [(table, str(row[0])) for row in rows]


def _delete_one(call: Call, table: TableDefinition, row_id: str, counts: BulkDeleteCounts) -> None:
    """Delete one row; a refusal is counted, the job goes on."""
    row = call.organization.storage.fetch_row(table, row_id)
    if row is None:
        return
    try:
        with call.organization.storage.transaction():
            call.writer.delete(table, row)
        counts.succeeded += 1
    except ODataError:
        counts.failed += 1


def _record_job(call: Call, name: str, counts: BulkDeleteCounts) -> str:
    tables, job_id = call.organization.catalog.tables, call.organization.new_id()
    shared = {
        "name": name[:256],
        "statecode": COMPLETED,
        "statuscode": FAILED if counts.failed and not counts.succeeded else SUCCEEDED,
        "ownerid@odata.bind": f"/systemusers({call.request.caller.user_id})",
    }
    platform = Caller(SYSTEM_USER_ID, ROOT_UNIT_ID)
    writer = Writer(call.organization, call.privileges, platform)
    job = shared | _job_body(timestamp(call.organization.clock.now()))
    writer.create(tables["asyncoperation"], job, row_id=job_id)
    writer.create(tables["bulkdeleteoperation"], shared | _details_body(job_id, counts))
    return job_id


def _job_body(now: str) -> dict[str, Json]:
    kind = {"operationtype": BULK_DELETE_TYPE, "primaryentitytype": "bulkdeleteoperation"}
    return {**kind, "startedon": now, "completedon": now}


def _details_body(job_id: str, counts: BulkDeleteCounts) -> dict[str, Json]:
    return {
        "successcount": counts.succeeded,
        "failurecount": counts.failed,
        "isrecurring": False,
        "asyncoperationid@odata.bind": f"/asyncoperations({job_id})",
    }


BULK_DELETE_OPERATIONS: dict[str, tuple[str, Handler]] = {"BulkDelete": ("POST", _bulk_delete)}
