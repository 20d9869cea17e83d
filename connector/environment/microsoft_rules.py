"""Whether Microsoft's own assignment rules are active beside ours."""

from connector.errors import UnsafeStart
from connector.ports import IS_ACTIVE, TableDescriber, TableReader
from engine.errors import ConfigProblem


def raise_if_rules_active(reader: TableReader, describe: TableDescriber) -> None:
    """Refuse to write next to Microsoft's own engine: both would assign; raises UnsafeStart."""
    table = "msdyn_assignmentrule"
    try:
        describe(table)
    except ConfigProblem:
        return
    rows = list(reader.read_rows(table, ("msdyn_name",), where=(IS_ACTIVE,)))
    if rows:
        names = ", ".join(sorted(str(row.get("msdyn_name")) for row in rows)[:3])
        raise UnsafeStart(
            f"the environment has {len(rows)} active assignment rules of its own ({names} …): both "
            "would assign the same rows; deactivate them, or set LEADROBIN_WRITE__COEXIST=true"
        )
