// The event store from Node: append, a conflict, replay, subscribe. How to make gen/ from the protos: docs/clients.md.
//   npm --prefix client/node run build && node client/node/build/example.js 127.0.0.1:50051
import { randomUUID } from "node:crypto";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { EventStore } from "./gen/eventstore/v1/event_store_pb.js";
import { Subscriptions } from "./gen/eventstore/v1/subscriptions_pb.js";
import { ErrorInfoSchema } from "./gen/google/rpc/error_details_pb.js";

const baseUrl = `http://${process.argv[2] ?? "127.0.0.1:50051"}`;
const connection = new Http2SessionManager(baseUrl);
const transport = createGrpcTransport({ baseUrl, sessionManager: connection });
const store = createClient(EventStore, transport);
const order = randomUUID();

// An id of our own: whoever repeats this append after a lost answer gets the first answer, and no second event.
function append(expectedVersion: number, eventType: string, data = "{}") {
  const versionCheck = { case: "expectedVersion" as const, value: expectedVersion };
  const events = [{ id: randomUUID(), eventType, userId: "ada", data }];
  return store.append({ aggregateId: order, aggregateType: "entity", versionCheck, events }, { timeoutMs: 10_000 });
}

console.log("appended: version", (await append(0, "order.placed", '{"total": 42}')).version);
try {
  await append(0, "order.placed"); // as somebody does who has not seen the first one
} catch (error) {
  if (!(error instanceof ConnectError) || error.code !== Code.Aborted) throw error;
  const [info] = error.findDetails(ErrorInfoSchema); // every error of the store has one: its reason and the values
  console.log(`${info.reason}: expected ${info.metadata.expected_version}, it is at ${info.metadata.actual_version}`);
}
await append(1, "order.paid");

for await (const page of store.getAggregateStream({ aggregateId: order }, { timeoutMs: 10_000 }))
  for (const event of page.events) console.log("replayed:", event.version, event.eventType, event.data);

const start = { case: "fromBeginning" as const, value: {} };
// Leaving the loop ends the call.
follow: for await (const { message } of createClient(Subscriptions, transport).subscribe({ start, aggregateId: order })) {
  if (message.case === "events")
    for (const event of message.value.events) {
      console.log("subscribed:", event.version, event.eventType);
      if (event.version === 3) break follow;
    }
  if (message.case === "caughtUp") {
    console.log("caught up");
    await append(2, "order.shipped");
  }
}
connection.abort(); // or the process stays as long as the connection does
