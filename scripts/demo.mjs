// The main job on the local testbed: the same program with a key in a file, with a key in a token, and misconfigured.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout } from "node:timers/promises";

const dir = await mkdtemp(join(tmpdir(), "refresh-session-demo-"));
const testbed = spawn(process.argv[2], ["serve", "--dir", join(dir, "aws"), "--tokens", "--stop-with-stdin"], {
  stdio: ["pipe", "pipe", "inherit"],
});
const ended = once(testbed, "exit");
try {
  process.exitCode = await demonstrate(await ready());
} finally {
  testbed.stdin.end();
  await ended;
  await rm(dir, { recursive: true, force: true });
}

async function demonstrate(aws) {
  const { ec256: file } = aws.pki.devices;
  const { gw: token } = aws.tokens.tokens;
  const key = token.keys.ec256;
  const base = {
    method: "iot",
    endpoint: aws.iot.endpoint,
    roleAlias: "gateway-role",
    thingName: aws.thing,
    ca: aws.pki.serverCa,
  };
  const inFile = { ...base, certificate: file.certificate, privateKey: file.privateKey };
  const pkcs11 = {
    library: aws.tokens.module,
    tokenLabel: token.label,
    privateKeyLabel: key.label,
    userPin: token.pin,
  };
  const inToken = { ...base, certificate: key.certificate, pkcs11 };

  console.log("A local AWS is up: IoT credentials endpoint and STS, both checking what real ones check.\n");

  console.log("1. The device's private key is a PEM file (EC P-256)");
  const pem = await run(aws, inFile);
  console.log("\n2. The private key is in a PKCS#11 token (SoftHSM, EC P-256) and never leaves it");
  const hsm = await run(aws, inToken);
  console.log("\n3. The same with a wrong thing name: what the log of a misconfigured gateway says");
  const wrong = await run(aws, { ...inToken, thingName: "gw-9999" });

  console.log("\n4. Keys of 10 seconds, and from the third second on the endpoint is down for 4 of them");
  const lasting = await outage(aws, inToken);

  console.log("\n5. The key in the token opens the way to another account: its role is assumed, and stores in S3");
  const stored = await otherAccount(aws, inToken);

  console.log("\n6. MQTT with the key in the token, and a server that hangs up in the middle");
  const published = await mqtt(aws, inToken);

  const good = [pem, hsm, lasting, stored, published].every((code) => code === 0) && wrong === 1;
  const end =
    "That is all: iot.mjs, outage.mjs, other-account.mjs and mqtt.mjs of examples/ are the programs that ran.";
  console.log(good ? `\n${end}` : "\nSomething went wrong, see above.");
  return good ? 0 : 1;
}

/** Runs the example with these options, and adds what the endpoint saw. */
async function run(aws, session) {
  const [code] = await once(await example(aws, session, "iot"), "exit");
  const log = await control(aws, "GET", "/log");
  const { tlsVersion, cipher, clientCertificate, signatureScheme } = log.findLast(
    ({ event, service }) => event === "connection" && service === "iot",
  );
  console.log(
    `  the endpoint   saw TLS ${tlsVersion}, ${cipher}, certificate "${clientCertificate}" (${signatureScheme})`,
  );
  return code;
}

/** Runs the example that goes on calling, with an outage in its middle. */
async function outage(aws, session) {
  await control(aws, "PUT", "/aliases/gateway-role", { durationSeconds: 10 });
  await control(aws, "DELETE", "/log");
  const child = await example(aws, session, "outage", "12");
  const end = once(child, "exit");
  // From its first keys on: a machine that has much to do starts slowly.
  const fetched = async () => (await control(aws, "GET", "/log?event=request&service=iot")).length > 0;
  while (child.exitCode === null && !(await fetched())) await setTimeout(100);
  await setTimeout(3000);
  await control(aws, "PUT", "/faults", { mode: "status", code: 503 });
  await setTimeout(4000);
  await control(aws, "DELETE", "/faults");
  const [code] = await end;
  return code;
}

/** Runs the example that assumes a role on the way to S3. */
async function otherAccount(aws, gateway) {
  const assumeRole = { RoleArn: aws.iam.roles.FleetRole, RoleSessionName: aws.thing };
  const options = {
    gateway,
    role: { assumeRole, stsClientConfig: { region: "eu-west-1", endpoint: aws.sts.http } },
    client: { region: "eu-west-1", endpoint: aws.s3.http, forcePathStyle: true },
    place: { Bucket: aws.s3.bucket, Key: `readings/${aws.thing}` },
  };
  const [code] = await once(await started(aws, options, "other-account"), "exit");
  return code;
}

/** Runs the example that publishes; the server acknowledges nothing and hangs up after 40 readings, once. Adds what it saw. */
async function mqtt(aws, session) {
  await control(aws, "PUT", "/mqtt/faults", {
    mode: "several",
    faults: [{ mode: "no-puback" }, { mode: "close", after: 40 }],
    count: 1,
  });
  const options = {
    session,
    mqtt: { endpoint: aws.mqtt.tls.endpoint, clientId: aws.thing, sessionExpirySeconds: 3600 },
    topic: `${aws.thing}/readings`,
  };
  const [code] = await once(await started(aws, options, "mqtt", "60"), "exit");
  const received = await control(aws, "GET", `/mqtt/received?topic=${aws.thing}/%23`);
  const readings = new Set(received.map(({ payload }) => payload)).size;
  console.log(`  the broker     has ${readings} different readings`);
  return code === 0 && readings === 60 ? 0 : 1;
}

function example(aws, session, name, ...args) {
  return started(aws, { session, client: { region: "eu-west-1", endpoint: aws.sts.http } }, name, ...args);
}

async function started(aws, content, name, ...args) {
  const options = join(dir, "options.json");
  await writeFile(options, JSON.stringify(content));
  // A proxy of this machine would be asked for the testbed.
  const env = { ...process.env, no_proxy: "localhost", SOFTHSM2_CONF: aws.tokens.conf, NODE_NO_WARNINGS: "1" };
  return spawn(process.execPath, [`examples/${name}.mjs`, options, ...args], { stdio: "inherit", env });
}

async function control(aws, method, path, body) {
  const reply = await fetch(aws.control + path, { method, body: JSON.stringify(body) });
  if (!reply.ok) throw new Error(`${method} ${path}: ${reply.status} ${await reply.text()}`);
  return reply.status === 204 ? undefined : reply.json();
}

async function ready() {
  const lines = createInterface({ input: testbed.stdout });
  const line = await Promise.race([once(lines, "line"), ended.then(() => undefined)]);
  if (line === undefined) throw new Error("the testbed did not start, see above");
  return JSON.parse(line[0]);
}
