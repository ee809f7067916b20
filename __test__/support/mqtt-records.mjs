// Commands as `src/ts/mqtt/packed.ts` writes them. Their bytes stand in `src/native/mqtt/tests/records.txt`, which the Rust half is
// held to as well.

export const records = {
  connect: (batch) => batch.connect(),
  disconnect: (batch) => batch.disconnect(),
  close: (batch) => batch.close(0xffff_ffff),
  drain: (batch) => batch.close(5000),
  publish: (batch) => batch.publish(7, 0, 0xffff_ffff, "a/b", undefined, "hello", false),
  bytes: (batch) =>
    batch.publish(0xffff_fffe, 1 | 2 | 4, 1500, "ä/€/😀", undefined, new Uint8Array([0, 1, 255]), false),
  beside: (batch) => batch.publish(1, 1, 0xffff_ffff, "large", undefined, "not looked at", true),
  properties: (batch) =>
    batch.publish(
      2,
      1,
      0xffff_ffff,
      "p",
      {
        payloadFormat: "utf8",
        messageExpirySeconds: 60,
        contentType: "text/plain",
        responseTopic: "re/ply",
        correlationData: new Uint8Array([9, 8]),
        userProperties: { one: "1", more: ["2", "3"] },
      },
      "x",
      false,
    ),
  subscribe: (batch) => batch.subscribe(3, 60_000, 1 | 2 | 4 | (2 << 4), ["a/+", "$share/g/b/#"]),
  unsubscribe: (batch) => batch.unsubscribe(4, 60_000, ["a/+", "b"]),
  cancel: (batch) => batch.cancel(5),
  acknowledge: (batch) => batch.acknowledge(6, 0x80),
};
