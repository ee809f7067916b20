// Publishes to the broker as fast as it reads, by bytes that were made beforehand: the same for every client under test.

import { once } from "node:events";
import { connect } from "node:net";

const connectPacket = Buffer.from([0x10, 16, 0, 4, ...Buffer.from("MQTT"), 4, 2, 0, 0, 0, 4, ...Buffer.from("feed")]);

/** Sends `count` messages of QoS 1; settles when the broker has taken the last byte. */
export async function feed(plainPort, topic, payload, count) {
  const packets = Buffer.concat(Array.from({ length: count }, (_, index) => publishPacket(topic, payload, index)));
  const socket = connect({ port: plainPort, host: "127.0.0.1", noDelay: true });
  socket.write(connectPacket);
  await once(socket, "data");
  socket.resume();
  await new Promise((resolve) => socket.write(packets, resolve));
  return () => socket.destroy();
}

function publishPacket(topic, payload, index) {
  const body = 2 + topic.length + 2 + payload.length;
  const head = Buffer.from([0x32, (body % 128) | 0x80, Math.floor(body / 128), 0, topic.length]);
  const number = Buffer.alloc(2);
  number.writeUInt16BE((index % 65_535) + 1);
  return Buffer.concat([head, Buffer.from(topic), number, payload]);
}
