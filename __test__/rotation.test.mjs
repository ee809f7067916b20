// Certificate, key and CA in files that are replaced under a running session.
//
// Serial: what is registered and logged is common to all.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { awaited, sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { listening, until } from "./support/waiting.mjs";

const bed = await startTestbed({ tokens: true });
test.after.always(() => bed.stop());
test.beforeEach(() => bed.reset());

const read = (path) => readFileSync(path, "utf8");
const contentOf = ({ certificate, privateKey }) => ({ certificate: read(certificate), privateKey: read(privateKey) });
const { ec256, ec384, rsa2048 } = Object.fromEntries(
  ["ec256", "ec384", "rsa2048"].map((name) => [name, contentOf(bed.pki.devices[name])]),
);
const force = { force: true };

/** Files of their own with this content, and a session on them. */
function rotating(t, content, options = {}) {
  const dir = mkdtempSync(join(bed.dir, "rotation-"));
  const files = { certificate: join(dir, "cert.pem"), privateKey: join(dir, "key.pem") };
  const write = (now) => {
    for (const [name, text] of Object.entries(now)) writeFileSync(files[name], text);
  };
  write(content);
  const session = sessionFor(t, bed.pem("ec256", { ...files, onWarning: () => {}, ...options }));
  return { dir, files, write, session, heard: listening(session) };
}

/** The device that the testbed saw last. */
async function lastDevice() {
  return (await bed.log("connection")).at(-1).clientCertificate;
}

/** Signs a certificate of this key, and registers it. */
async function issue(dir, name, key, days, registered = {}) {
  const [csr, out] = [join(dir, `${name}.csr`), join(dir, `${name}.pem`)];
  const run = (...args) => execFileSync("openssl", args, { stdio: "ignore" });
  run("req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", csr);
  const ca = ["-CA", bed.pki.deviceCa, "-CAkey", bed.pki.deviceCaKey, "-CAcreateserial"];
  // Without extensions it would be of X.509 version 1.
  const extensions = join(dir, "extensions.cnf");
  writeFileSync(extensions, "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n");
  run("x509", "-req", "-in", csr, ...ca, "-extfile", extensions, "-days", String(days), "-out", out);
  const pem = read(out);
  await bed.control("PUT", `/certificates/${name}`, { pem, status: "active", things: [bed.thing], ...registered });
  return pem;
}

test.serial("a new pair is used from the next fetch on, over a new connection", async (t) => {
  const { session, write, heard } = rotating(t, ec256);
  await session.credentials();
  write(rsa2048);
  await session.refresh(force);
  const connections = await bed.log("connection");
  t.deepEqual(
    connections.map(({ clientCertificate, handshake }) => [clientCertificate, handshake]),
    [
      ["ec256", "full"],
      ["rsa2048", "full"],
    ],
  );
  t.deepEqual(heard.warning, []);
});

test.serial("100 rotations at every moment of the write fail no fetch", async (t) => {
  const { session, files, heard } = rotating(t, ec256);
  await session.credentials();
  const devices = [rsa2048, ec384, ec256];
  for (let turn = 0; turn < 100; turn++) {
    const next = devices[turn % devices.length];
    // The order in which the files are written varies too.
    const names = turn % 4 < 2 ? ["privateKey", "certificate"] : ["certificate", "privateKey"];
    for (const name of names) {
      if (turn % 2 === 0) {
        writeFileSync(`${files[name]}.new`, next[name]);
        renameSync(`${files[name]}.new`, files[name]);
      } else {
        const end = 1 + Math.floor(Math.random() * (next[name].length - 2));
        writeFileSync(files[name], next[name].slice(0, end));
        await session.refresh(force);
        // While a fetch is under way, not only between two.
        const refreshed = session.refresh(force);
        writeFileSync(files[name], next[name]);
        await refreshed;
      }
      await session.refresh(force);
    }
    t.is(await lastDevice(), ["rsa2048", "ec384", "ec256"][turn % 3], `turn ${turn}`);
  }
  t.deepEqual(heard.refreshError, []);
  t.is(session.status().failures, 0);
  t.true(heard.warning.every(({ code }) => code === "WARN_CERTIFICATE_NOT_RELOADED"));
});

test.serial("a revoked certificate heals within one fetch", async (t) => {
  const { session, write, heard } = rotating(t, ec256);
  await session.credentials();
  await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
  write(rsa2048);
  await session.refresh(force);
  t.deepEqual([session.status().failures, heard.refreshError], [0, []]);
});

test.serial("a certificate that is revoked and replaced during a fetch heals within that", async (t) => {
  const { session, write, heard } = rotating(t, ec256);
  await session.credentials();
  // The refusal is still coming in when the new files are written.
  await bed.fault("slow-body", { ms: 20 }, 1);
  await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
  const before = (await bed.log("request")).length;
  const refreshed = session.refresh(force);
  await Promise.race([awaited(bed, "request", before + 1), awaited(bed, "connection", 2)]);
  write(rsa2048);
  await refreshed.catch((error) => t.fail(`${error.code} ${error.message}`));
  t.is(session.status().failures, 0);
  t.deepEqual(heard.refreshError, []);
});

test.serial("a refused certificate with nothing new on the disk is refused", async (t) => {
  const { session } = rotating(t, ec256);
  await session.credentials();
  await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
  await bed.control("POST", "/connections/drop");
  const error = await t.throwsAsync(session.refresh(force));
  t.is(error.code, "ERR_CERTIFICATE_REFUSED");
  t.like(session.status(), { fetches: 2, failures: 1 });
});

test.serial("half a pair keeps the old one, and is told once", async (t) => {
  const { session, files, heard } = rotating(t, ec256);
  await session.credentials();
  writeFileSync(files.privateKey, rsa2048.privateKey);
  for (let turn = 0; turn < 3; turn++) await session.refresh(force);
  t.is(await lastDevice(), "ec256");
  const [warning, ...more] = heard.warning;
  t.is(warning.code, "WARN_CERTIFICATE_NOT_RELOADED");
  for (const part of [files.certificate, files.privateKey, "not the one of the certificate", "renamed"]) {
    t.true(warning.message.includes(part), part);
  }
  t.deepEqual(more, []);
  writeFileSync(files.certificate, rsa2048.certificate);
  await session.refresh(force);
  t.is(await lastDevice(), "rsa2048");
});

test.serial("status and warning follow the certificate in use", async (t) => {
  const { session, files, dir, heard } = rotating(t, ec256, { certificateWarningDays: 6 });
  const expiry = () => session.status().certificateExpiry.getTime();
  const first = expiry();
  await session.credentials();
  const pem = await issue(dir, "short", files.privateKey, 5);
  const warned = heard.warning.length;
  writeFileSync(files.certificate, pem);
  await session.refresh(force);
  await session.refresh(force);
  t.not(expiry(), first);
  t.true(Math.abs(expiry() - Date.now() - 5 * 86_400_000) < 600_000);
  const [{ code, message }, ...more] = heard.warning.slice(warned);
  t.is(code, "WARN_CERTIFICATE_EXPIRES");
  t.regex(message, /"CN=short" expires on .*, in 4 days by the server's clock/);
  t.deepEqual(more, [], "once a day");
});

test.serial("an expired certificate is told although the fetch fails; 0 turns that off", async (t) => {
  const dir = mkdtempSync(join(bed.dir, "over-"));
  const certificate = await issue(dir, "over", bed.pki.devices.ec256.privateKey, 0);
  for (const [certificateWarningDays, expected] of [
    [undefined, 1],
    [0, 0],
  ]) {
    const { session, heard } = rotating(t, { ...ec256, certificate }, { certificateWarningDays });
    // It ends in the second that it was made in; the testbed counts whole ones.
    await until(() => Date.now() > session.status().certificateExpiry.getTime() + 1000);
    await t.throwsAsync(session.credentials(), { code: "ERR_CERTIFICATE_REFUSED" });
    t.is(heard.warning.length, expected);
    if (expected === 1) t.regex(heard.warning[0].message, /"CN=over" has expired on .* by this machine's clock/);
  }
});

test.serial("a CA bundle that is replaced is believed from the next fetch on", async (t) => {
  const ca = join(mkdtempSync(join(bed.dir, "ca-")), "ca.pem");
  writeFileSync(ca, read(bed.pki.deviceCa));
  const { session } = rotating(t, ec256, { ca });
  await t.throwsAsync(session.credentials(), { code: "ERR_SERVER_CERTIFICATE" });
  writeFileSync(ca, read(bed.pki.serverCa));
  await t.notThrowsAsync(session.refresh(force));
});

test.serial("with a token, a certificate of its key is taken and another one refused", async (t) => {
  const certificate = join(mkdtempSync(join(bed.dir, "token-")), "cert.pem");
  const own = bed.tokens.tokens.gw.keys.ec256.certificate;
  writeFileSync(certificate, read(own));
  const session = sessionFor(t, bed.hsm("ec256", { certificate, onWarning: () => {} }));
  const heard = listening(session);
  await session.credentials();
  writeFileSync(certificate, rsa2048.certificate);
  await session.refresh(force);
  t.deepEqual(
    heard.warning.map(({ code }) => code),
    ["WARN_CERTIFICATE_NOT_RELOADED"],
  );
  t.true(heard.warning[0].message.includes("the token holds"));
  // Another layout, the same key: taken over, over a new connection and without opening the token anew.
  const before = (await bed.log("connection")).length;
  writeFileSync(certificate, `renewed\n${read(own)}`);
  await session.refresh(force);
  t.is((await bed.log("connection")).length, before + 1);
  t.is(heard.warning.length, 1);
});
