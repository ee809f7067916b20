// Time to credentials, beside a hand-written `node:https` client and the Python original, on one endpoint in one run.
// The endpoint gives no session tickets, as AWS IoT does not: every fresh connection is a full handshake on all sides.

import { execFile } from "node:child_process";
import { lookup } from "node:dns/promises";
import { existsSync, readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import https from "node:https";
import { join } from "node:path";
import { promisify } from "node:util";
import { RefreshableSession } from "refresh-session";
import { startTestbed } from "../__test__/support/testbed.mjs";
import { benchClients } from "./clients.mjs";
import { median, ms, ratio, table, takeTurns, timed } from "./measure.mjs";
import { benchRead } from "./read.mjs";

const python = ".cache/peers/python/bin/python";
const rounds = Number(process.env.BENCH_ROUNDS ?? 300);

export async function benchFetch() {
  const aws = await startTestbed({ tokens: true, profiles: ["release"] });
  // Keeps the token open, as the long-lived session of a gateway does; a source of its own, or it would serve the others.
  const holder = new RefreshableSession(aws.hsm("ec256", { connectTimeoutMs: 9_999 }));
  try {
    for (const version of ["1.3", "1.2"]) {
      await aws.configure({ versions: [version] });
      await holder.refresh({ force: true });
      await fresh(aws, version);
    }
    await aws.configure({ versions: ["1.2", "1.3"] });
    await coldToken(aws, holder);
    await kept(aws);
    await benchRead(aws, await pythonPeer(aws, aws.pem("ec256"), 1));
    await benchClients(aws);
  } finally {
    await holder.close();
    await aws.stop();
  }
}

async function fresh(aws, version) {
  const byHand = handWritten(aws);
  const times = await takeTurns(
    {
      node: () => byHand(new https.Agent({ keepAlive: false, maxCachedSessions: 0 })),
      pem: () => newSession(aws.pem("ec256")),
      hsmEc256: () => newSession(aws.hsm("ec256")),
      hsmEc384: () => newSession(aws.hsm("ec384")),
      hsmRsa: () => newSession(aws.hsm("rsa2048")),
    },
    { rounds },
  );
  const original = version === "1.3" ? await pythonPeer(aws, aws.pem("ec256"), 20) : undefined;
  const row = (name, value, bar) => [name, ms(value), ratio(value, times.node), bar];
  table(
    `New session → credentials, full handshake, TLS ${version}`,
    ["Client, key", "median", "ratio", "bar"],
    [
      ["hand-written `node:https`, PEM EC P-256", ms(times.node), "1", ""],
      row("refresh-session, PEM EC P-256", times.pem, "≤ 0.55"),
      row("refresh-session, SoftHSM EC P-256", times.hsmEc256, "≤ 0.65"),
      row("refresh-session, SoftHSM EC P-384", times.hsmEc384, ""),
      row("refresh-session, SoftHSM RSA-2048", times.hsmRsa, ""),
      ...(original === undefined
        ? []
        : [row("boto3-refresh-session 10.0.7, PEM EC P-256", median(original.fetches), "")]),
    ],
  );
}

/** What the first session of a process pays: module, login, search, test signature. */
async function coldToken(aws, holder) {
  await holder.close();
  const times = [];
  for (let round = 0; round < 20; round++) times.push(await timed(() => newSession(aws.hsm("ec256"))));
  table(
    "New session → credentials when no other session holds the token (login included)",
    ["Key", "median"],
    [["SoftHSM EC P-256", ms(median(times))]],
  );
}

async function kept(aws) {
  const session = new RefreshableSession(aws.pem("ec256"));
  const byHand = handWritten(aws);
  const agent = new https.Agent({ keepAlive: true, maxSockets: 1 });
  const times = await takeTurns(
    { node: () => byHand(agent), ours: () => session.refresh({ force: true }) },
    { rounds: rounds * 3, warmUp: 100 },
  );
  agent.destroy();
  await session.close();
  table(
    "Refetch on a kept connection",
    ["Client", "median", "ratio", "bar"],
    [
      ["hand-written `node:https`, keep-alive", ms(times.node), "1", ""],
      ["refresh-session, `refresh({ force: true })`", ms(times.ours), ratio(times.ours, times.node), "≤ 0.6"],
    ],
  );
}

async function newSession(options) {
  const session = new RefreshableSession(options);
  await session.credentials();
  await session.close();
}

/** What a careful engineer writes without this package. */
function handWritten(aws) {
  const { certificate, privateKey } = aws.pki.devices.ec256;
  const files = { cert: readFileSync(certificate), key: readFileSync(privateKey), ca: readFileSync(aws.pki.serverCa) };
  const path = "/role-aliases/gateway-role/credentials";
  const headers = { "x-amzn-iot-thingname": aws.thing };
  return (agent) =>
    new Promise((resolve, reject) => {
      const request = https.get({ host: aws.iot.host, port: aws.iot.port, path, headers, agent, ...files }, (reply) => {
        const chunks = [];
        reply.on("data", (chunk) => chunks.push(chunk));
        reply.on("end", () => resolve(JSON.parse(Buffer.concat(chunks)).credentials));
      });
      request.on("error", reject);
    });
}

/**
 * The original takes AWS's own names only, so the testbed's AWS-like name must lead to this machine (bench/README.md).
 */
async function pythonPeer(aws, { certificate, privateKey, ca, roleAlias, thingName }, count) {
  const { address } = await lookup(aws.iot.altName).catch(() => ({}));
  if (!existsSync(python) || address !== "127.0.0.1") return undefined;
  const file = join(aws.dir, "boto3.json");
  const options = {
    endpoint: `${aws.iot.altName}:${aws.iot.port}`,
    role_alias: roleAlias,
    thing_name: thingName,
    certificate,
    private_key: privateKey,
    ca,
  };
  await writeFile(file, JSON.stringify(options));
  const { stdout } = await promisify(execFile)(python, ["bench/boto3_peer.py", file, String(count)]);
  return JSON.parse(stdout);
}
