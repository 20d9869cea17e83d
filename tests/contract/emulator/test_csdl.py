"""`$metadata` holds together: every name it uses is one it declares, as CSDL 4.0 demands."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

import pytest

from tests.support.in_process import InProcessEmulator

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"
PRIMITIVES = {
    "Edm.String", "Edm.Guid", "Edm.Int32", "Edm.Int64", "Edm.Boolean", "Edm.Decimal", "Edm.Double",
    "Edm.Date", "Edm.DateTimeOffset", "Edm.Binary",
}  # fmt: skip


class Model:
    """The document by name; inherited members belong to a type too."""

    def __init__(self, text: bytes) -> None:
        self.root = ET.fromstring(text)
        self.types = {str(each.get("Name")): each for each in self.root.iter(f"{EDM}EntityType")}
        self.complex = {each.get("Name") for each in self.root.iter(f"{EDM}ComplexType")}
        self.sets = {
            str(each.get("Name")): local(each.get("EntityType"))
            for each in self.root.iter(f"{EDM}EntitySet")
        }

    def lineage(self, name: str) -> Iterator[ET.Element]:
        while name:
            yield self.types[name]
            name = local(self.types[name].get("BaseType"))

    def members(self, name: str, tag: str) -> dict[str, ET.Element]:
        found = (each for kind in self.lineage(name) for each in kind.findall(f"{EDM}{tag}"))
        return {str(each.get("Name")): each for each in found}

    def is_a(self, name: str, base: str) -> bool:
        return base in {str(kind.get("Name")) for kind in self.lineage(name)}


def local(name: str | None) -> str:
    return (name or "").removeprefix("Collection(").rstrip(")").rpartition(".")[2]


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with InProcessEmulator() as emulator:
        yield Model(emulator.call("GET", "$metadata?annotations=true").body)


def navigations(model: Model) -> Iterator[tuple[str, ET.Element]]:
    for name, kind in model.types.items():
        for navigation in kind.findall(f"{EDM}NavigationProperty"):
            yield name, navigation


def test_every_type_that_is_named_is_declared(model: Model) -> None:
    for element in model.root.iter():
        kind = element.get("Type", "")
        if element.tag.endswith("}Property"):
            assert kind in PRIMITIVES or local(kind) in model.complex, kind
        elif element.tag.endswith("}NavigationProperty"):
            assert local(kind) in model.types, kind
        base = element.get("BaseType")
        assert base is None or local(base) in model.types, base


def test_every_concrete_type_has_one_key_of_its_own_properties(model: Model) -> None:
    for name in model.sets.values():
        keys = [
            ref
            for kind in model.lineage(name)
            for ref in kind.findall(f"{EDM}Key/{EDM}PropertyRef")
        ]
        assert len(keys) == 1, name
        key = model.members(name, "Property")[str(keys[0].get("Name"))]
        assert (key.get("Type"), key.get("Nullable")) == ("Edm.Guid", "false"), name


def test_no_member_has_two_meanings(model: Model) -> None:
    for name in model.types:
        properties = model.members(name, "Property").keys()
        assert not properties & model.members(name, "NavigationProperty").keys(), name


def test_partners_lead_back(model: Model) -> None:
    seen = 0
    for name, navigation in navigations(model):
        partner = navigation.get("Partner")
        if partner is None:
            continue
        other = model.members(local(navigation.get("Type")), "NavigationProperty")[partner]
        target = local(other.get("Type"))
        assert model.is_a(name, target) or model.is_a(target, name), (name, partner)
        back = other.get("Partner")
        assert back in (None, navigation.get("Name")), (name, navigation.get("Name"), back)
        seen += 1
    assert seen > 50


def test_constraints_join_columns_of_one_type(model: Model) -> None:
    seen = 0
    for name, navigation in navigations(model):
        for constraint in navigation.findall(f"{EDM}ReferentialConstraint"):
            own = model.members(name, "Property")[str(constraint.get("Property"))]
            target = model.members(local(navigation.get("Type")), "Property")
            other = target[str(constraint.get("ReferencedProperty"))]
            assert own.get("Type") == other.get("Type") == "Edm.Guid"
            seen += 1
    assert seen > 50


def test_bindings_lead_from_a_property_to_a_set_of_its_type(model: Model) -> None:
    for entity_set in model.root.iter(f"{EDM}EntitySet"):
        kind = model.sets[str(entity_set.get("Name"))]
        for binding in entity_set.findall(f"{EDM}NavigationPropertyBinding"):
            navigation = model.members(kind, "NavigationProperty")[str(binding.get("Path"))]
            target = model.sets[str(binding.get("Target"))]
            assert model.is_a(target, local(navigation.get("Type"))), binding.attrib


def test_every_annotation_term_comes_from_an_included_vocabulary(model: Model) -> None:
    included = {
        each.get("Namespace") for each in model.root.iter() if each.tag.endswith("}Include")
    }
    terms = {str(each.get("Term")) for each in model.root.iter(f"{EDM}Annotation")}
    assert terms
    assert {term.rpartition(".")[0] for term in terms} <= included
