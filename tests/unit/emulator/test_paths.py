"""Resource paths become tables, keys, properties, navigation, operations; everything else is refused."""

from dataclasses import replace

import pytest

from connector.emulator.catalog.catalog import Catalog
from connector.emulator.catalog.table_definition import AlternateKey
from connector.emulator.protocol.errors import ODataError
from connector.emulator.query.odata.path import Resource, literal_value, parse_path, resolve_path
from tests.unit.emulator.conftest import ROOT, build_catalog

KEYS = (AlternateKey("number", ("accountnumber",)), AlternateKey("both", ("name", "ownerid")))


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    built = build_catalog()
    built.tables["account"] = replace(built.tables["account"], keys=KEYS)
    return built


def resolve(path: str, catalog: Catalog, **aliases: str) -> Resource:
    named = {f"@{name}": value for name, value in aliases.items()}
    return resolve_path(parse_path(path, named), catalog)


def test_a_set_a_row_and_their_suffixes(catalog: Catalog) -> None:
    assert resolve("accounts", catalog).table is catalog.tables["account"]
    assert resolve("/accounts/", catalog).key is None
    assert resolve("accounts/$count", catalog).suffix == "$count"
    for text in (f"accounts({ROOT.upper()})", f"accounts(accountid={ROOT})", f"accounts('{ROOT}')"):
        key = resolve(text, catalog).key
        assert key is not None
        assert key.id == ROOT


def test_alternate_keys_name_columns(catalog: Catalog) -> None:
    key = resolve("accounts(accountnumber='A''/%2F(1)')", catalog).key
    assert key is not None
    assert [(name, literal.value) for name, literal in key.columns] == [
        ("accountnumber", "A'//(1)")
    ]
    several = resolve(f"accounts(name='x',_ownerid_value={ROOT})", catalog).key
    assert several is not None
    assert {name for name, _ in several.columns} == {"name", "ownerid"}


def test_properties_and_navigation(catalog: Catalog) -> None:
    column = resolve(f"leads({ROOT})/subject/$value", catalog)
    assert column.column is not None
    assert (column.column.logical_name, column.suffix) == ("subject", "$value")
    reference = resolve(f"leads({ROOT})/parentaccountid/$ref", catalog)
    assert reference.navigation is not None
    assert (reference.navigation.name, reference.suffix) == ("parentaccountid", "$ref")
    member = resolve(f"leads({ROOT})/lead_tags({ROOT})/$ref", catalog)
    assert member.target_key is not None
    assert member.target_key.id == ROOT
    after_values = resolve(f"leads({ROOT})/parentaccountid/name", catalog)
    assert after_values.navigation is not None
    assert after_values.column is not None


def test_operations_bound_and_unbound(catalog: Catalog) -> None:
    bound = resolve(f"leads({ROOT})/Microsoft.Dynamics.CRM.QualifyLead", catalog)
    assert bound.operation is not None
    assert bound.operation.name == "QualifyLead"
    assert bound.key is not None
    assert resolve("leads/Microsoft.Dynamics.CRM.CreateMultiple", catalog).operation is not None
    for text in ("WhoAmI", "WhoAmI()", "Microsoft.Dynamics.CRM.WhoAmI"):
        found = resolve(text, catalog)
        assert found.operation is not None
        assert (found.operation.name, found.table) == ("WhoAmI", None)


def test_parameters_inline_or_by_alias(catalog: Catalog) -> None:
    inline = resolve("RetrieveTotalRecordCount(EntityNames=['lead','account'])", catalog)
    alias = resolve("RetrieveTotalRecordCount(EntityNames=@p1)", catalog, p1='["lead","account"]')
    for found in (inline, alias):
        assert found.operation is not None
        assert found.operation.parameters == {"EntityNames": ["lead", "account"]}
    missing = resolve("RetrieveTotalRecordCount(EntityNames=@p1)", catalog)
    assert missing.operation is not None
    assert missing.operation.parameters == {"EntityNames": None}


def test_json_parameters_are_read_as_data() -> None:
    segment = parse_path('F(Target={"@odata.id":"leads(1)","n":[1,{"a":\'x\'}]})')
    assert segment[0].argument("Target") is not None
    assert segment[0].argument("Other") is None
    (only,) = parse_path('F(Query={"a":[1,2,{"b":null}]})')
    literal = only.argument("Query")
    assert literal is not None
    assert literal_value(literal) == {"a": [1, 2, {"b": None}]}


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", "ODataUnrecognizedPathException"),
        ("leadz", "Resource not found for the segment provided in the URL."),
        ("leadz(1)", "Resource not found for the segment"),
        ("Leads", None),
        ("$batchx", "ODataUnrecognizedPathException"),
        (f"leads({ROOT})/foo", "Could not find a property named 'foo' on type"),
        (f"leads({ROOT})/subject/x", "ODataUnrecognizedPathException"),
        (f"leads({ROOT})/lead_tags/name", "ODataUnrecognizedPathException"),
        (f"leads({ROOT})/$ref/x", "ODataUnrecognizedPathException"),
        ("leads/subject", "ODataUnrecognizedPathException"),
        ("leads(1)", "The key in the request URI is not valid for resource"),
        ("accounts(name='x')", "Ensure that the names and number of key properties match"),
        (f"leads({ROOT}", "Bad Request - Error in query syntax."),
        ("leads(a=)", "Bad Request - Error in query syntax."),
        (f"leads({ROOT})x", "Bad Request - Error in query syntax."),
        ("WhoAmI/x", "ODataUnrecognizedPathException"),
    ],
)
def test_unknown_paths_are_refused_with_400(
    catalog: Catalog, path: str, message: str | None
) -> None:
    if message is None:
        assert resolve(path, catalog).operation is not None
        return
    with pytest.raises(ODataError) as refusal:
        resolve(path, catalog)
    assert refusal.value.status == 400
    assert message in refusal.value.message
