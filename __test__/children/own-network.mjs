// A process with a network, an `/etc` and a testbed of its own: started by `support/own-network.mjs` in namespaces that
// end with it. The parent sends `{ id, op, … }` and gets `{ type: "reply-ID", value | error }`.

import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RefreshableSession } from "../../dist/index.mjs";
import { startTestbed } from "../support/testbed.mjs";

/** All that the programs of these tests want of it. */
const OF_ETC = ["group", "ld.so.cache", "localtime", "passwd", "pkcs11", "softhsm", "ssl"];

const run = (command, ...args) => execFileSync(command, args, { stdio: ["ignore", "ignore", "inherit"] });

const { etc: files } = JSON.parse(process.argv[2]);
const dir = mkdtempSync(join(tmpdir(), "own-network-"));
run("ip", "link", "set", "lo", "up");
const bed = await startTestbed({ tokens: true });
const [etc, machines] = [join(dir, "etc"), join(dir, "etc-of-the-machine")];
for (const folder of [etc, machines]) mkdirSync(folder);
run("mount", "--bind", "/etc", machines);
for (const name of OF_ETC) symlinkSync(join(machines, name), join(etc, name));
writeFileSync(join(etc, "nsswitch.conf"), "hosts: files dns\n");
// All lines of a name count.
writeFileSync(join(etc, "host.conf"), "multi on\n");
for (const [name, text] of Object.entries(files)) writeFileSync(join(etc, name), text);
run("mount", "--bind", etc, "/etc");

const sessions = new Map();
/** Names that are answered from now on. */
const back = new Set();
const asked = new Map();

const operations = {
  /** How `/etc` is changed. */
  write: ({ file, text }) => writeFileSync(`/etc/${file}`, text),
  rename({ file, text }) {
    writeFileSync(`/etc/${file}.new`, text);
    renameSync(`/etc/${file}.new`, `/etc/${file}`);
  },
  ip: ({ args }) => run("ip", ...args),
  back: ({ name }) => back.add(name),
  asked: ({ name }) => asked.get(name) ?? 0,
  open({ name, kind, host, options }) {
    const endpoint = { endpoint: `${host}:${bed.iot.port}`, serverName: "localhost" };
    const made = kind === "HSM" ? bed.hsm("ec256", endpoint) : bed.pem("ec256", endpoint);
    sessions.set(name, new RefreshableSession({ ...made, ...options }));
  },
  async fetch({ name }) {
    const begun = performance.now();
    try {
      await sessions.get(name).refresh({ force: true });
      const took = performance.now() - begun;
      return { accessKeyId: (await sessions.get(name).credentials()).accessKeyId, took };
    } catch ({ code, message, hint, retryable }) {
      return { code, message, hint, retryable, took: performance.now() - begun };
    }
  },
  async end() {
    await Promise.all([...sessions.values()].map((session) => session.close()));
    await bed.stop();
    server.close();
    for (const folder of ["/etc", machines]) run("umount", folder);
    rmSync(dir, { recursive: true });
    process.disconnect();
  },
};

process.on("message", async ({ id, op, ...fields }) => {
  try {
    process.send({ type: `reply-${id}`, value: await operations[op](fields) });
  } catch (error) {
    process.send({ type: `reply-${id}`, error: `${error.stack}` });
  }
});

// What a name's first label says is what its questions get; other names are 127.0.0.1.
const server = createSocket("udp4", (question, { port, address }) => {
  const { name, type, end } = parsed(question);
  const count = (asked.get(name) ?? 0) + 1;
  asked.set(name, count);
  const [label] = name.split(".");
  const reply = (code, ...records) => server.send(answer(question.subarray(0, end), code, records), port, address);
  if (back.has(name)) return reply(0, ...(type === A ? [LOCALHOST] : []));
  if (label.startsWith("silent")) return;
  // One packet of each kind is lost.
  if (label.startsWith("lossy") && count <= 2) return;
  if (label.startsWith("servfail")) return reply(2);
  if (label.startsWith("nxdomain")) return reply(3);
  if (label.startsWith("nodata")) return reply(0);
  const [, ...found] = /^at-(\d+)-(\d+)-(\d+)-(\d+)/.exec(label) ?? [undefined, ...LOCALHOST];
  reply(0, ...(type === A ? [found.map(Number)] : []));
});
const A = 1;
const LOCALHOST = [127, 0, 0, 1];
server.bind(53, "127.0.0.53");
await once(server, "listening");

/** RFC 1035, section 4.1. */
function parsed(question) {
  const labels = [];
  let at = 12;
  for (; question[at] !== 0; at += 1 + question[at])
    labels.push(question.toString("latin1", at + 1, at + 1 + question[at]));
  return { name: labels.join("."), type: question.readUInt16BE(at + 1), end: at + 5 };
}

function answer(question, code, addresses) {
  const reply = Buffer.from(question);
  reply.writeUInt16BE(0x8180 | code, 2);
  reply.writeUInt16BE(addresses.length, 6);
  reply.writeUInt16BE(0, 10);
  const record = (address) => Buffer.from([0xc0, 12, 0, A, 0, 1, 0, 0, 0, 0, 0, 4, ...address]);
  return Buffer.concat([reply, ...addresses.map(record)]);
}

process.send({ type: "ready" });
