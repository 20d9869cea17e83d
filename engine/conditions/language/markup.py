"""Text → XML elements, safely: no document type, no entities, bounded size and depth."""

from dataclasses import dataclass, field
from xml.parsers import expat

from engine.errors import InvalidDocument, Problem

MAX_CHARACTERS = 200_000
MAX_ELEMENT_DEPTH = 200


@dataclass(slots=True)
class Element:
    """One element: its name, attributes, child elements and the text directly inside it."""

    name: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list["Element"])
    text: str = ""

    def attribute(self, name: str) -> str:
        """The text of an attribute; empty where the element does not carry it."""
        return self.attributes.get(name, "")


def parse_elements(text: str) -> list[Element]:
    """The elements at the top level of an XML fragment, in order; raises InvalidDocument.

    Several elements may stand side by side. A document type is refused: it is never part of
    FetchXML.
    """
    if len(text) > MAX_CHARACTERS:
        raise InvalidDocument(
            [Problem((), f"the FetchXML is longer than {MAX_CHARACTERS} characters")]
        )
    stripped = text.strip()
    is_document = stripped.startswith("<?xml")
    if is_document:
        return _Builder().parse(stripped).children
    # The wrapper has a line of its own, so that columns are those of the text.
    wrapped = f"<fragment>\n{stripped}</fragment>"
    return _Builder().parse(wrapped, lines_before=1).children[0].children


class _Builder:
    def __init__(self) -> None:
        self._root = Element("", {})
        self._open = [self._root]
        self._parser = expat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._refuse_document_type
        self._parser.buffer_text = True

    def parse(self, source: str, *, lines_before: int = 0) -> Element:
        try:
            self._parser.Parse(source.encode(), True)
        except UnicodeEncodeError as error:
            raise _malformed("it holds half a character (a lone surrogate)") from error
        except expat.ExpatError as error:
            place = f"line {error.lineno - lines_before}, column {error.offset + 1}"
            raise _malformed(f"{expat.ErrorString(error.code)}: {place}") from error
        return self._root

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._open) > MAX_ELEMENT_DEPTH:
            raise InvalidDocument([Problem((), "the FetchXML is nested too deep")])
        element = Element(name, attributes)
        self._open[-1].children.append(element)
        self._open.append(element)

    def _end(self, _name: str) -> None:
        self._open.pop()

    def _characters(self, text: str) -> None:
        self._open[-1].text += text

    def _refuse_document_type(self, *_: object) -> None:
        raise InvalidDocument([Problem((), "FetchXML has no document type: remove <!DOCTYPE …>")])


def _malformed(why: str) -> InvalidDocument:
    return InvalidDocument([Problem((), f"the FetchXML is not well-formed XML: {why}")])
