"""``modelassay log witness``: cosign tree heads over HTTP."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from modelassay.cli.options import json_option, print_json
from modelassay.cli.witness_options import witness_options


@click.command("witness")
@witness_options
@click.option("--listen", default="127.0.0.1:8470", show_default=True, metavar="HOST:PORT")
@json_option
def command(
    reference: str,
    state: Path,
    logs: tuple[str, ...],
    passphrase_file: Path | None,
    listen: str,
    as_json: bool,
) -> None:
    """Serve a witness (C2SP tlog-witness) until it is interrupted.

    It cosigns the tree heads of the logs that it watches, and refuses rollback and forks. Run it where who
    runs the log cannot reach its key: on an assessor's machine, under a second identity.
    """
    from modelassay.cli.witness_options import open_witness
    from modelassay.errors import UsageError
    from modelassay.log.witness_server import WitnessServer

    host, _, port = listen.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise UsageError(f"{listen!r} is not a place to listen on", mend="write HOST:PORT")
    witness, vkey = open_witness(reference, state, logs, passphrase_file)
    try:
        server = WitnessServer(
            (host.strip("[]"), int(port)), witness, tell=lambda line: click.echo(line, err=True)
        )
    except OSError as error:
        raise UsageError(
            f"cannot listen here: {(error.strerror or str(error)).lower()}", where=listen
        ) from error
    with server:
        url = f"http://{host}:{server.server_address[1]}"
        if as_json:
            print_json({"url": url, "vkey": vkey})
        else:
            click.echo(f"{vkey}\nwitness on {url}")
        sys.stdout.flush()
        server.serve_forever()
