"""message-db, from npm, in a database of its own on the same PostgreSQL; its function called by pgbench."""

import os

import packages
from cell import Cell
from pgbench import pgbench
from processes import environment, run

_TEMPLATE = "bench_messagedb"


def _install(context):
    cluster = context.cluster
    folder = packages.npm(context.folder, "@eventide/message-db@1.3.1")
    login = cluster.login()
    cluster.create(_TEMPLATE, "template0")
    # Its script runs psql and createdb from the path.
    env = environment(
        PGHOST=login["host"],
        PGUSER=login["user"],
        PGPASSWORD=login["password"],
        PGPORT=login.get("port", "5432"),
        PGDATABASE="postgres",
        DATABASE_NAME=_TEMPLATE,
        CREATE_DATABASE="off",
    )
    env["PATH"] = cluster.programs + os.pathsep + env["PATH"]
    run(["bash", os.path.join(folder, "node_modules/@eventide/message-db/database/install.sh")], env=env)
    cluster.seal(_TEMPLATE)


def cells(context):
    cluster = context.cluster
    _install(context)
    text = "x" * (context.payload - 11 - 6)

    def sample(categories, clients, seconds):
        script = (
            f"\\set category random(1, {categories})\n\\set n random(100000, 999999)\n"
            "SELECT write_message(gen_random_uuid()::varchar, 'account' || :category || '-' || gen_random_uuid(), "
            f"'OrderPlaced', format('{{\"text\":\"{text}%s\"}}', :n::text)::jsonb, NULL, -1);\n"
        )
        database = cluster.fresh(_TEMPLATE)
        try:
            options = "-c search_path=message_store,public"
            return pgbench(cluster, database, script, clients, seconds, context.warmup, options)
        finally:
            cluster.drop(database)

    variants = [(1, 1), (64, 64), (1, 64)]
    return [
        Cell(
            name=f"messagedb_{clients}" + ("" if categories == clients else "_one_category"),
            group="messagedb",
            title=f"message-db, {clients} client{'s' * (clients > 1)}"
            + (", one category" if categories != clients else f", {categories} categories" if categories > 1 else ""),
            sample=lambda seconds, categories=categories, clients=clients: sample(categories, clients, seconds),
            layer="pgbench, no network layer",
        )
        for categories, clients in variants
    ]
