"""The `emulator` command: a Dataverse Web API on the loopback interface, until it is stopped."""

import asyncio
import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from connector.emulator.protection.throttle import Limits
from engine.errors import ConfigProblem

if TYPE_CHECKING:
    from connector.emulator.server import EmulatorOptions, EmulatorServer

_LIMIT_NAMES = {
    "requests": int,
    "seconds": float,
    "concurrent": int,
    "window_seconds": float,
    "servers": int,
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("emulator")(emulate)


def emulate(  # noqa: PLR0913, PLR0917  one parameter per option of the command
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on; 0 takes a free one.")] = 0,
    http: Annotated[bool, typer.Option("--http", help="Serve plain HTTP instead of TLS.")] = False,
    accept_any_token: Annotated[
        bool, typer.Option("--accept-any-token", help="Take any bearer token as the connector's.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The same seed makes the same rows.")] = 7,
    sellers: Annotated[int, typer.Option(min=0, help="How many sellers to make.")] = 25,
    leads: Annotated[int, typer.Option(min=0, help="How many leads to make.")] = 500,
    opportunities: Annotated[
        int, typer.Option(min=0, help="How many opportunities to make.")
    ] = 200,
    insights: Annotated[int, typer.Option(min=0, help="How many insights to make.")] = 50,
    data: Annotated[
        Path | None,
        typer.Option(help="Directory of <entity set>.json files, each an array of Web API rows."),
    ] = None,
    state: Annotated[
        Path | None, typer.Option(help="Keep the rows in this file instead of in memory.")
    ] = None,
    limits: Annotated[
        str,
        typer.Option(
            help="Service protection limits of one user, for example requests=60,seconds=1200."
        ),
    ] = "requests=6000,seconds=1200,concurrent=52",
    traffic: Annotated[
        float,
        typer.Option(
            min=0,
            max=1000,
            help="Changes a second that sellers, customers and managers make by themselves.",
        ),
    ] = 0,
    cascade_delay: Annotated[
        float,
        typer.Option(
            min=0, help="Seconds until an account's new owner gets its leads and opportunities."
        ),
    ] = 0,
) -> None:
    """Serve a Dataverse Web API to try things against; its first line on stdout says how to
    reach it.
    """
    from connector.emulator.seed.organization import SeedSize  # noqa: PLC0415  help need not load it
    from connector.emulator.server import EmulatorOptions  # noqa: PLC0415  as above

    options = EmulatorOptions(
        host=host,
        port=port,
        use_tls=not http,
        accept_any_token=accept_any_token,
        seed=seed,
        size=SeedSize(sellers, leads, opportunities, insights),
        data=data,
        state=state,
        limits=parse_limits(limits),
        traffic=traffic,
        cascade_delay_seconds=cascade_delay,
        note=_note,
    )
    serve(options)


def parse_limits(text: str) -> Limits:
    """Read `requests=6000,seconds=1200,concurrent=52`; raises ConfigProblem naming what is
    wrong.
    """
    limits = Limits()
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, _, value = part.partition("=")
        kind = _LIMIT_NAMES.get(name.strip())
        if kind is None:
            known = ", ".join(_LIMIT_NAMES)
            raise ConfigProblem(f"--limits: '{name}' is not a limit; known are {known}.")
        try:
            number = kind(value)
        except ValueError as error:
            raise ConfigProblem(f"--limits: '{value}' is not a number for '{name}'.") from error
        if number <= 0:
            raise ConfigProblem(f"--limits: '{name}' must be greater than 0.")
        limits = replace(limits, **{name.strip(): number})
    return limits


def serve(options: "EmulatorOptions") -> None:
    """Start, announce on stdout, and serve until SIGTERM or SIGINT."""
    from connector.emulator.seed.loading import DataProblem  # noqa: PLC0415  help need not load it
    from connector.emulator.server import EmulatorServer  # noqa: PLC0415  as above

    try:
        server = EmulatorServer(options)
    except DataProblem as error:
        raise ConfigProblem(str(error)) from error
    try:
        bound = server.bind()
    except OSError as error:
        server.close()
        raise ConfigProblem(
            f"The emulator cannot listen on {options.host}:{options.port} ({error.strerror}); "
            "choose another --port or --host."
        ) from error
    web_server = server.build_server()

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, lambda: setattr(web_server, "should_exit", True))
        await server.serve(web_server, bound, lambda: _announce(server))

    try:
        asyncio.run(run())
    finally:
        bound.close()
        server.close()


def _announce(server: "EmulatorServer") -> None:
    document = {
        "url": server.url,
        "ca_file": str(server.ca_file) if server.ca_file else None,
        "authority": server.authority,
        "tenant_id": server.tenant_id,
        "client_id": server.client_id,
        "client_secret": server.client_secret,
    }
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def _note(sentence: str) -> None:
    sys.stderr.write(sentence + "\n")
