// The testbed's broker from JavaScript: the helper's functions reach it, and Node's own TLS does.

import { readFileSync } from "node:fs";
import { connect } from "node:tls";
import test from "ava";
import { startTestbed } from "./support/testbed.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.afterEach.always(() => bed.reset());
test.after.always(() => bed?.stop());

const text = (value) => Buffer.concat([Buffer.from([value.length >> 8, value.length & 255]), Buffer.from(value)]);

/** A client of MQTT 3.1.1 that sends packets as they are and gives those that come, short ones, in hexadecimal. */
async function client(t, clientId, { port = bed.mqtt.tls.port, ...tls } = {}) {
  const { certificate, privateKey } = bed.pki.devices.ec256;
  const [ca, cert, key] = [bed.pki.serverCa, certificate, privateKey].map((path) => readFileSync(path));
  const socket = connect({ host: "127.0.0.1", port, servername: "localhost", ca, cert, key, ...tls });
  t.teardown(() => socket.destroy());
  // A kick is a reset to Node if something of ours was still on its way.
  socket.on("error", () => {});
  const bytes = socket[Symbol.asyncIterator]();
  let rest = Buffer.alloc(0);
  const packet = async () => {
    while (rest.length < 2 || rest.length < 2 + rest[1]) {
      const { value, done } = await bytes.next();
      if (done) return undefined;
      rest = Buffer.concat([rest, value]);
    }
    const taken = rest.subarray(0, 2 + rest[1]);
    rest = rest.subarray(taken.length);
    return taken.toString("hex");
  };
  const send = (first, ...parts) => {
    const body = Buffer.concat(parts);
    socket.write(Buffer.concat([Buffer.from([first, body.length]), body]));
  };
  send(0x10, text("MQTT"), Buffer.from([4, 2, 0, 60]), text(clientId));
  const connack = await packet();
  return { send, packet, connack, alpn: socket.alpnProtocol };
}

test.serial("a client publishes, is published to and is kicked", async (t) => {
  const { send, packet, connack } = await client(t, "gw");
  t.is(connack, "20020000");
  send(0x82, Buffer.from([0, 1]), text("down/#"), Buffer.from([1]));
  t.is(await packet(), "9003000101");
  send(0x32, text("up/a"), Buffer.from([0, 2]), Buffer.from("hello"));
  t.is(await packet(), "40020002");
  const [message] = await bed.broker.received({ topic: "up/+", atLeast: 1 });
  t.like(message, { clientId: "gw", topic: "up/a", payload: "hello", qos: 1, dup: false, outcome: "accepted" });
  await bed.broker.publish("down/a", new Uint8Array([255]));
  t.is(await packet(), `320b${text("down/a").toString("hex")}0001ff`);
  t.like(await bed.broker.clients(), [{ clientId: "gw", subscriptions: ["down/#"], unacknowledged: 1 }]);
  await bed.broker.redeliver("gw");
  t.is(await packet(), `320b${text("down/a").toString("hex")}0002ff`);
  await bed.broker.kick("gw");
  t.is(await packet(), undefined);
  const kinds = (await bed.log()).map(({ event }) => event).filter((event) => event.startsWith("mqtt."));
  t.deepEqual(kinds, ["mqtt.connect", "mqtt.subscribe", "mqtt.publish", "mqtt.disconnect"]);
});

test.serial("rules, faults and time are set", async (t) => {
  t.is((await bed.broker.rules({ connectsPerSecond: null })).connectsPerSecond, null);
  await bed.broker.fault("connack", { reason: 3, clientId: "gw" }, 1);
  t.is((await client(t, "gw")).connack, "20020003");
  const { send, packet } = await client(t, "gw");
  await bed.broker.faultNow("gw", "no-pingresp", { times: 1 });
  send(0xc0);
  send(0xc0);
  t.is(await packet(), "d000");
  await bed.broker.advance(91, { keepAlive: true });
  t.is(await packet(), undefined);
  await t.throwsAsync(bed.broker.fault("explode"), { message: /explode/ });
});

test.serial("ALPN, shadows and jobs", async (t) => {
  const { connack, alpn, send, packet } = await client(t, "gw", {
    port: bed.mqtt.alpn.port,
    ALPNProtocols: ["x-amzn-mqtt-ca"],
  });
  t.deepEqual([connack, alpn], ["20020000", "x-amzn-mqtt-ca"]);
  send(0x32, text("$aws/things/gw/shadow/update"), Buffer.from([0, 1]), Buffer.from('{"state":{"reported":{"a":1}}}'));
  t.is(await packet(), "40020001");
  t.deepEqual(await bed.broker.shadow("gw"), { state: { reported: { a: 1 } }, version: 1 });
  await bed.broker.makeJob("gw", "j", { do: 1 });
  t.like(await bed.broker.jobs("gw"), [{ jobId: "j", status: "QUEUED" }]);
});
