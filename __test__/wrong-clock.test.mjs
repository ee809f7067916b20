// Devices whose clock is wrong: real processes under libfaketime, against a local AWS whose clock is right and that
// refuses signatures five minutes off.
//
// The clock that counts durations is left alone, as it is on a device.

import { execFile } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import test from "ava";
import { startTestbed } from "./support/testbed.mjs";

const run = promisify(execFile);
const HOUR = 3_600_000;
const child = fileURLToPath(new URL("children/clock.mjs", import.meta.url));
const library = ["x86_64", "aarch64", "arm"]
  .map((arch) => `/usr/lib/${arch}-linux-gnu${arch === "arm" ? "eabihf" : ""}/faketime/libfaketime.so.1`)
  .find(existsSync);

let bed;
test.before(async () => {
  bed = await startTestbed();
});
test.beforeEach(() => bed.reset());
test.after.always(() => bed?.stop());

/** What the device says, and what its clock showed at its start. */
async function device(faketime) {
  const { accessKeyId, secretAccessKey } = bed.iam.user;
  const given = { iot: bed.pem(), sts: bed.sts.http, user: { accessKeyId, secretAccessKey }, roles: bed.iam.roles };
  const env = { ...process.env, LD_PRELOAD: library, FAKETIME: faketime, FAKETIME_DONT_FAKE_MONOTONIC: "1" };
  const { stdout } = await run(process.execPath, [child, JSON.stringify(given)], { env });
  return JSON.parse(stdout);
}

const withFaketime = library === undefined ? test.skip : test.serial;

for (const [label, faketime, aheadMs] of [
  ["at 1970", "@1970-01-01 00:05:00", undefined],
  ["two hours fast", "+2h", 2 * HOUR],
  ["two hours slow", "-2h", -2 * HOUR],
]) {
  withFaketime(`a device ${label} gets keys, signs with them, and assumes a role`, async (t) => {
    const started = Date.now();
    const said = await device(faketime);
    const ahead = aheadMs ?? 300_000 - started;
    t.true(Math.abs(said.now - started - ahead) < 30_000, `the device believes in ${new Date(said.now).toISOString()}`);

    // The endpoint's `Date` has whole seconds, and the child took some to get there.
    t.true(Math.abs(said.clockOffsetMs + said.now - started) < 30_000, `ahead by ${said.clockOffsetMs}`);
    t.true(said.leftMs > 3_500_000 && said.leftMs <= 3_601_000, `by its own clock ${said.leftMs} ms are left`);
    t.is(said.fetches, 1);

    const arn = /^arn:aws:sts::123456789012:assumed-role\/GatewayRole\//;
    t.regex(said.client.Arn, arn);
    t.is(said.client.attempts, 1, "the first request of the client");
    t.regex(said.whoami.Arn, arn);
    const fleet = `arn:aws:sts::${bed.iam.otherAccount}:assumed-role/FleetRole/gw-0042`;
    t.deepEqual([said.fleet.Arn, said.ofFleet, said.fleetFailures], [fleet, fleet, 0]);
    t.regex(said.alone.Arn, /:assumed-role\/OperatorRole\/gw-0042$/);
    t.is(said.failuresAlone, 0);

    // Nobody had told the time to the session that was alone: its two calls were refused once each. The others were not.
    const refused = (await bed.log("request")).filter(({ status }) => status >= 400);
    const services = refused.map(({ service }) => service);
    t.deepEqual(services, ["sts", "sts"], JSON.stringify(refused.map(({ service, status }) => [service, status])));
  });
}

test.serial("the server's certificate is not valid in 1970", async (t) => {
  const [host, port] = bed.iot.endpoint.split(":");
  const socket = connect({ host, port, servername: host, ca: await readFile(bed.pki.serverCa) });
  await once(socket, "secureConnect");
  const { valid_from: from, valid_to: to } = socket.getPeerCertificate();
  socket.destroy();
  const life = Date.parse(to) - Date.parse(from);
  t.true(Date.parse(from) > Date.now() - 24 * HOUR && life < 366 * 24 * HOUR, `${from} to ${to}`);
});
