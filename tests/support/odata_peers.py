"""An independent OData client in front of the emulator, and an independent OData server beside it.

Both are odatapy's, which knows neither Dataverse nor this project: the client reads payloads with the
types that `$metadata` declares, the server answers queries from memory by that same `$metadata`.
"""

from odatapy.client.client import EdmEnabledODataClient
from odatapy.client.responses import ClientResponse
from odatapy.client.transport import HandlerTransport
from odatapy.edm.xml_io import XmlEdmProvider
from odatapy.server import OData
from odatapy.server.inmemory import InMemoryDataStore, InMemoryProcessor

from tests.support.in_process import ROOT, InProcessEmulator

PEER_ROOT = "http://peer.test"


class EmulatorTransport:
    """Carries the client's requests into an emulator without a socket."""

    def __init__(self, emulator: InProcessEmulator) -> None:
        self._emulator = emulator

    def send(self, method: str, url: str, headers: dict[str, str], body: bytes) -> ClientResponse:
        """One request."""
        answer = self._emulator.send(method, url, body, headers)
        return ClientResponse(answer.status, answer.headers, answer.body)


def client_of(emulator: InProcessEmulator) -> EdmEnabledODataClient:
    """A client that reads the emulator's `$metadata` first."""
    return EdmEnabledODataClient(ROOT, EmulatorTransport(emulator))


def peer_of(client: EdmEnabledODataClient, *entity_sets: str) -> EdmEnabledODataClient:
    """A client of a server that holds what the emulator's sets hold now."""
    odata = OData.new_instance()
    provider = XmlEdmProvider(client.get_metadata_document())
    handler = odata.create_handler(odata.create_service_metadata(provider))
    store = InMemoryDataStore()
    for name in entity_sets:
        store.set_entities(name, list(client.iter_entities(f"{ROOT}/{name}")))
    handler.register(InMemoryProcessor(store))
    return EdmEnabledODataClient(PEER_ROOT, HandlerTransport(handler, PEER_ROOT))
