"""The past of a legacy table, as JSON lines: of a file, or made up."""

import json
import lzma
import random
import uuid
from datetime import datetime, timedelta, timezone


def past_rows(path, count):
    """Lines of text."""
    if path == "-":
        yield from invented_rows(count)
    elif path.endswith(".xz"):
        with lzma.open(path, "rt", encoding="utf-8") as file:
            yield from file
    else:
        with open(path, encoding="utf-8") as file:
            yield from file


def invented_rows(count):
    """Bursts on some days of ten years; of each entity times run backwards now and then; some rows name no entity or user."""
    chance = random.Random(20)
    day = datetime.now(timezone.utc) - timedelta(days=3650)
    step = timedelta(days=3600 / max(count / 8, 1))
    entities = [str(uuid.UUID(int=chance.getrandbits(128), version=4)) for _ in range(max(count // 7, 1))]
    made = 0
    while made < count:
        day += step * chance.uniform(0.2, 1.8)
        correlation = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        for _ in range(min(chance.randint(1, 15), count - made)):
            made += 1
            at = min(day - timedelta(hours=chance.choice([0, 0, 0, 0, 5, 40])), datetime.now(timezone.utc))
            data = {"entityId": chance.choice(entities), "n": made, "text": "x" * chance.randint(0, 200)}
            if chance.random() < 0.02:
                del data["entityId"]
            row = {"id": str(uuid.UUID(int=chance.getrandbits(128), version=4)), "timestamp": at.isoformat(), "data": data,
                   "type": chance.choice(["file.added", "file.modified", "file.deleted"]), "correlation_id": correlation}
            if chance.random() < 0.95:
                row["user_id"] = f"author-{chance.randint(1, 40)}"
            yield json.dumps(row) + "\n"
