"""The command line."""

import asyncio
import gc
from collections.abc import Callable, Coroutine
from datetime import datetime
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.setting_types import is_loopback
from bot.settings import BadSettings, Settings, load
from domain.errors import DatabaseAway, DomainError, FileFault, UnreadableFile

# What a command runs; its result is the exit status.
Program = Coroutine[Any, Any, int | None]

cli = typer.Typer(
    name="keystall",
    help="A shop inside Telegram.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Table(StrEnum):
    """What can be exported."""

    ORDERS = "orders"
    KEYS = "keys"


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer's callback
    if wanted:
        typer.echo(f"keystall {installed_version()}")
        raise typer.Exit


def _one_sign(delimiter: str | None) -> str | None:
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '\r\n"'):
        raise typer.BadParameter("one sign, such as ';'")
    return delimiter


def installed_version() -> str:
    try:
        return version("keystall")
    except PackageNotFoundError:
        import tomllib

        project = Path(__file__).parent.parent / "pyproject.toml"
        return str(tomllib.loads(project.read_text(encoding="utf-8"))["project"]["version"])


@cli.callback()
def options(
    *,
    _: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """A shop inside Telegram."""


@cli.command()
def run() -> None:
    """The shop, everything in one process."""
    _serve(with_web=True, with_worker=True)


@cli.command()
def web() -> None:
    """Telegram's updates and payment callbacks; deliveries are `keystall worker`'s."""
    _serve(with_web=True, with_worker=False)


@cli.command()
def worker() -> None:
    """Deliveries and housekeeping; any number of them on PostgreSQL."""
    _serve(with_web=False, with_worker=True)


@cli.command()
def demo() -> None:
    """The shop with a sample catalogue and a local Telegram in the browser; no account."""

    def program(settings: Settings) -> Program:
        from bot.demo import run_demo

        return run_demo(settings)

    _run(_demo_settings, program)


@cli.command()
def migrate() -> None:
    """Bring the database to this version's schema; also done at every start."""

    def program(settings: Settings) -> Program:
        from bot.commands import migrate as command

        return command(settings)

    _run(load, program)


@cli.command("import")
def import_(
    sku: Annotated[str, typer.Argument(help="The product's SKU.")],
    file: Annotated[
        Path,
        typer.Argument(help=".txt, .csv or .xlsx with the keys.", exists=True, dir_okay=False),
    ],
    column: Annotated[int | None, typer.Option(help="Column of the keys, from 1.")] = None,
    delimiter: Annotated[
        str | None, typer.Option(help="Delimiter of a .csv file.", callback=_one_sign)
    ] = None,
) -> None:
    """Add a file's keys to a product's stock."""

    def program(settings: Settings) -> Program:
        from bot.commands import import_file

        return import_file(settings, sku, file, column, delimiter)

    _run(load, program)


@cli.command()
def export(
    table: Annotated[Table, typer.Argument(help="What to export.")],
    file: Annotated[Path, typer.Argument(help="The .csv file to write.")],
    sku: Annotated[str | None, typer.Option(help="Only this product.")] = None,
    since: Annotated[
        datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="First day.")
    ] = None,
    until: Annotated[
        datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day.")
    ] = None,
) -> None:
    """Write orders or keys to a .csv file that a spreadsheet opens."""

    def program(settings: Settings) -> Program:
        from bot.commands import export_table

        return export_table(settings, table.value, file, sku, since, until)

    _run(load, program)


@cli.command()
def reconcile(
    since: Annotated[
        datetime | None, typer.Option(help="From this day on; by default the last seven.")
    ] = None,
) -> None:
    """Compare the shop's payments with every provider's; exit 1 where they differ."""

    def program(settings: Settings) -> Program:
        from bot.reconcile import compare

        return compare(settings, since)

    _run(load, program)


@cli.command()
def doctor() -> None:
    """Check settings, token, webhook, database, Redis and each provider; a line each."""

    def program(settings: Settings) -> Program:
        from bot.doctor import examine

        return examine(settings)

    def settings() -> Settings:
        try:
            return load()
        except BadSettings as error:
            typer.echo(f"WRONG settings: {error}")
            raise typer.Exit(1) from None

    _run(settings, program)


def _serve(*, with_web: bool, with_worker: bool) -> None:
    def settings() -> Settings:
        loaded = load()
        loaded.token()  # before anything slow is imported
        return loaded

    def program(loaded: Settings) -> Program:
        from bot.serve import serve

        return serve(loaded, with_web=with_web, with_worker=with_worker)

    _run(settings, program)


def _demo_settings() -> Settings:
    """Raises `BadSettings` beside a real token or on an address that others can reach."""
    wanted = load()
    if wanted.bot_token is not None:
        raise BadSettings(
            "BOT_TOKEN is set: the demo does not open beside a real bot. Take it out of the "
            "environment and .env for the demo, or start the real shop with make run"
        )
    if not is_loopback(wanted.host):
        raise BadSettings("HOST: the demo shows itself to this machine alone; use 127.0.0.1")
    return wanted


def _run(settings: Callable[[], Settings], program: Callable[[Settings], Program]) -> None:
    """Run a program to its end; what went wrong is one sentence and an exit status."""
    try:
        loaded = settings()
        status = _to_the_end(loaded, program)
    except BadSettings as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from None
    except DatabaseAway as error:
        typer.echo(f"The database at DATABASE_URL does not answer ({error}).", err=True)
        raise typer.Exit(1) from None
    except DomainError as error:
        typer.echo(_sentence(error), err=True)
        raise typer.Exit(1) from None
    except OSError as error:
        typer.echo(f"{error.strerror}: {error.filename}", err=True)
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    raise typer.Exit(status or 0)


def _to_the_end(settings: Settings, program: Callable[[Settings], Program]) -> int | None:
    """Imports come first, without the garbage collector: what they make is there to stay."""
    gc.disable()
    from bot import logs

    logs.set_up(settings.log_level, settings.secrets())
    work = program(settings)
    gc.freeze()
    gc.enable()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(work)


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where there is one."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def _sentence(error: DomainError) -> str:
    if isinstance(error, UnreadableFile) and error.reason is FileFault.CHOOSE_COLUMN:
        return f"The file has {error.columns} columns: say which holds the keys with --column N."
    if isinstance(error, UnreadableFile) and error.reason is FileFault.AMBIGUOUS_DELIMITER:
        return "Say what stands between the columns with --delimiter, such as --delimiter ';'."
    from handlers.errors import sentence
    from handlers.texts import ENGLISH, texts

    return str(sentence(error, texts(ENGLISH)).striptags())


def main() -> None:
    cli()


if __name__ == "__main__":
    main()
