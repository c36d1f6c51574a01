// Publishes to new subjects of a JetStream, each expected to be empty: node nats.mjs SECONDS WARMUP IN_FLIGHT PAYLOAD; the
// server from BENCH_SERVER, the packages from BENCH_PACKAGES. Prints one JSON object.
import { createRequire } from 'node:module';
import { closedLoop } from './closed_loop.mjs';

const require = createRequire(process.env.BENCH_PACKAGES + '/');
const { connect } = require('@nats-io/transport-node');
const { jetstream, jetstreamManager } = require('@nats-io/jetstream');
const [seconds, warmup, inFlight, payload] = process.argv.slice(2).map(Number);

const connection = await connect({ servers: process.env.BENCH_SERVER });
const manager = await jetstreamManager(connection);
await manager.streams.add({ name: 'orders', subjects: ['order.>'] });
const client = jetstream(connection);
const text = JSON.stringify({ text: 'x'.repeat(payload - 11) });
let number = 0;
const result = await closedLoop({ seconds, warmup, inFlight }, () => {
  number += 1;
  return client.publish(`order.${number}`, text, { msgID: `m${number}`, expect: { lastSubjectSequence: 0 } });
});
console.log(JSON.stringify(result));
process.exit(0);
