"""Rows of a simulation from JSON lines, Parquet and CSV."""

from pathlib import Path

import duckdb
import pytest

from connector.simulation.records import BadLine, SourceRow, build_records, read_json_lines
from connector.simulation.tabular import read_tabular
from engine.errors import ConfigProblem
from engine.standard_tables import STANDARD_TABLES

ID = "00000000-0000-4000-8000-000000000001"


def lines(tmp_path: Path, content: bytes) -> list[SourceRow | BadLine]:
    path = tmp_path / "records.jsonl"
    path.write_bytes(content)
    return list(read_json_lines(path))


def test_each_line_is_a_row_and_blank_ones_do_not_count(tmp_path: Path) -> None:
    found = lines(tmp_path, b'\xef\xbb\xbf{"a": 1}\r\n\n  \n{"b": [null, 1.5]}')
    assert found == [SourceRow(1, {"a": 1}), SourceRow(4, {"b": [None, 1.5]})]


@pytest.mark.parametrize(
    "content",
    [b"{", b'{"a": NaN}', b'{"a": "\xff"}', b"[" * 100_000, b'{"a": 1} {"b": 2}', b"'x'"],
)
def test_a_line_that_is_not_json_is_a_bad_line_and_the_next_is_read(
    tmp_path: Path, content: bytes
) -> None:
    bad, good = lines(tmp_path, content + b"\n{}\n")
    assert isinstance(bad, BadLine)
    assert bad.error.startswith("this is not a JSON object: ")
    assert good == SourceRow(2, {})


def test_a_file_that_is_not_there_is_a_problem(tmp_path: Path) -> None:
    with pytest.raises(ConfigProblem) as caught:
        list(read_json_lines(tmp_path / "none.jsonl"))
    assert str(caught.value).endswith("none.jsonl cannot be read: No such file or directory.")


def test_rows_become_records_or_bad_lines_in_order() -> None:
    row = {"@odata.type": "#Microsoft.Dynamics.CRM.lead", "leadid": ID}
    found = list(
        build_records(
            iter(
                [
                    SourceRow(1, row),
                    BadLine(2, "broken"),
                    SourceRow(3, {**row, "leadid": ID.upper()}),
                    SourceRow(4, {"opportunityid": ID}, "opportunity"),
                    SourceRow(5, []),
                ]
            )
        )
    )
    assert isinstance(found[0], tuple)
    assert found[0][1].id == ID
    assert found[1] == BadLine(2, "broken")
    assert found[2] == BadLine(3, f"the id {ID} stood on an earlier line")
    assert isinstance(found[3], tuple)
    assert found[3][1].table == "opportunity"
    assert isinstance(found[4], BadLine)


CSV = """leadid,subject,revenue,leadsourcecode,donotemail,createdon,_parentaccountid_value,\
parentaccountid.numberofemployees,address1_postalcode,estimatedclosedate
a,"One, two",1000.5,7,true,2026-11-23 09:00:00,x,12,01067,2026-12-01
b,,,,,2026-11-23T09:00:00+01:00,,,,
"""


def test_csv_cells_take_the_type_of_their_column(tmp_path: Path) -> None:
    path = tmp_path / "rows.CSV"
    path.write_text(CSV, encoding="utf-8")
    first, second = read_tabular(path, "lead", STANDARD_TABLES)
    assert first == SourceRow(
        2,
        {
            "leadid": "a",
            "subject": "One, two",
            "revenue": 1000.5,
            "leadsourcecode": 7,
            "donotemail": True,
            "createdon": "2026-11-23T09:00:00Z",
            "_parentaccountid_value": "x",
            "parentaccountid": {"numberofemployees": 12},
            "address1_postalcode": "01067",
            "estimatedclosedate": "2026-12-01",
        },
        "lead",
    )
    assert second == SourceRow(3, {"leadid": "b", "createdon": "2026-11-23T09:00:00+01:00"}, "lead")


@pytest.mark.parametrize(
    ("column", "cell", "words"),
    [
        ("revenue", "lots", "revenue is a number, not 'lots'"),
        ("numberofemployees", "1.5", "numberofemployees is a whole number, not '1.5'"),
        ("donotemail", "perhaps", "donotemail is true or false, not 'perhaps'"),
    ],
)
def test_a_cell_of_the_wrong_type_makes_a_bad_line(
    tmp_path: Path, column: str, cell: str, words: str
) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"leadid,{column}\na,{cell}\nb,\n", encoding="utf-8")
    assert list(read_tabular(path, "lead", STANDARD_TABLES)) == [
        BadLine(2, words),
        SourceRow(3, {"leadid": "b"}, "lead"),
    ]


def test_parquet_keeps_nested_rows_and_times(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    duckdb.execute(
        f"""
        COPY (SELECT 'a' AS leadid, 7 AS leadsourcecode, 1.50::DECIMAL(10, 2) AS revenue,
            TIMESTAMP '2026-11-23 09:00:00' AS createdon,
            TIMESTAMPTZ '2026-11-23 09:00:00.5+01' AS modifiedon,
            DATE '2026-12-01' AS estimatedclosedate, NULL AS subject, true AS donotemail,
            {{'accountid': 'x', 'createdon': TIMESTAMP '2025-01-01 00:00:00'}} AS parentaccountid,
            [{{'subject': 'call'}}] AS "Lead_Tasks") TO '{path}' (FORMAT parquet)
        """
    )
    assert list(read_tabular(path, "lead", STANDARD_TABLES)) == [
        SourceRow(
            1,
            {
                "leadid": "a",
                "leadsourcecode": 7,
                "revenue": 1.5,
                "createdon": "2026-11-23T09:00:00Z",
                "modifiedon": "2026-11-23T08:00:00.500000Z",
                "estimatedclosedate": "2026-12-01",
                "donotemail": True,
                "parentaccountid": {"accountid": "x", "createdon": "2025-01-01T00:00:00Z"},
                "Lead_Tasks": [{"subject": "call"}],
            },
            "lead",
        )
    ]


def test_rows_come_in_the_order_of_the_file_however_many(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    duckdb.execute(f"COPY (SELECT range AS n FROM range(5000)) TO '{path}' (FORMAT parquet)")
    found = [row.row for row in read_tabular(path, "lead", {}) if isinstance(row, SourceRow)]
    assert found == [{"n": number} for number in range(5000)]


@pytest.mark.parametrize("name", ["none.csv", "none.parquet"])
def test_a_table_file_that_is_not_there_is_a_problem(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigProblem) as caught:
        list(read_tabular(tmp_path / name, "lead", STANDARD_TABLES))
    assert f"{name} cannot be read" in str(caught.value)


def test_a_file_that_is_no_parquet_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    path.write_text("leadid\na\n", encoding="utf-8")
    with pytest.raises(ConfigProblem) as caught:
        list(read_tabular(path, "lead", STANDARD_TABLES))
    assert "cannot be read as Parquet" in str(caught.value)


def test_rows_that_name_their_table_take_the_types_of_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(
        f"@odata.type,leadid,revenue\n#Microsoft.Dynamics.CRM.lead,{ID},20\n", encoding="utf-8"
    )
    (found,) = read_tabular(path, None, STANDARD_TABLES)
    assert isinstance(found, SourceRow)
    row = {"@odata.type": "#Microsoft.Dynamics.CRM.lead", "leadid": ID, "revenue": 20.0}
    assert found.row == row


def test_a_table_that_nothing_names_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f"leadid,revenue\n{ID},20\n", encoding="utf-8")
    with pytest.raises(ConfigProblem, match=r"no column @odata\.type: name the table with --table"):
        list(read_tabular(path, None, STANDARD_TABLES))


def test_not_a_number_is_an_empty_cell(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    values = f"(VALUES ('{ID}', 'nan'::DOUBLE)) t(leadid, revenue)"
    duckdb.sql(f"COPY (SELECT * FROM {values}) TO '{path}' (FORMAT parquet)")
    (found,) = read_tabular(path, "lead", STANDARD_TABLES)
    assert found == SourceRow(1, {"leadid": ID}, "lead")
