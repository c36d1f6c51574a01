// Appends to new streams with emmett-postgresql: node emmett.mjs SECONDS WARMUP IN_FLIGHT PAYLOAD; the database from
// BENCH_DATABASE_URL, the packages from BENCH_PACKAGES. Prints one JSON object.
import { createRequire } from 'node:module';
import { randomUUID } from 'node:crypto';
import { closedLoop } from './closed_loop.mjs';

const require = createRequire(process.env.BENCH_PACKAGES + '/');
const { getPostgreSQLEventStore } = require('@event-driven-io/emmett-postgresql');
const [seconds, warmup, inFlight, payload] = process.argv.slice(2).map(Number);

const store = getPostgreSQLEventStore(process.env.BENCH_DATABASE_URL);
await store.schema.migrate();
const text = 'x'.repeat(payload - 11);
const result = await closedLoop({ seconds, warmup, inFlight }, () =>
  store.appendToStream('order-' + randomUUID(), [{ type: 'OrderPlaced', data: { text } }], {
    expectedStreamVersion: 'STREAM_DOES_NOT_EXIST',
  }),
);
console.log(JSON.stringify(result));
process.exit(0);
