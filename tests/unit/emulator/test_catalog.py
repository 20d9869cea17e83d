"""Tables are found by set as they are defined now."""

from dataclasses import replace

from connector.emulator.catalog.tables.standard import standard_catalog


def test_a_definition_that_is_replaced_and_put_back_is_found_by_its_set() -> None:
    catalog = standard_catalog()
    lead = catalog.tables["lead"]
    untracked = replace(lead, change_tracking=False)
    catalog.tables["lead"] = untracked
    assert catalog.table_of_set("leads") is untracked
    catalog.tables["lead"] = lead
    assert catalog.table_of_set("leads") is lead
    assert catalog.table_of_set("nothings") is None
