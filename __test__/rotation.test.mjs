// Certificate, key and CA in files that are replaced under a running session.
//
// Serial: what is registered and logged is common to all.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { contentOf, issue, issueFor, read, rotating } from "./support/rotation.mjs";
import { awaited, sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { listening, until } from "./support/waiting.mjs";

const bed = await startTestbed({ tokens: true });
test.after.always(() => bed.stop());
test.beforeEach(() => bed.reset());

const { ec256, rsa2048 } = Object.fromEntries(
  ["ec256", "rsa2048"].map((name) => [name, contentOf(bed.pki.devices[name])]),
);
const force = { force: true };

/** The device that the testbed saw last. */
async function lastDevice() {
  return (await bed.log("connection")).at(-1).clientCertificate;
}

test.serial("a new pair is used from the next fetch on, over a new connection", async (t) => {
  const { session, write, heard } = rotating(t, bed, ec256);
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

test.serial("a revoked certificate heals within one fetch", async (t) => {
  const { session, write, heard } = rotating(t, bed, ec256);
  await session.credentials();
  await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
  write(rsa2048);
  await session.refresh(force);
  t.deepEqual([session.status().failures, heard.refreshError], [0, []]);
});

/** Sessions whose certificate is refused in a fetch under way, and what then takes its place. */
const refusedInFlight = {
  "a pair": (t, options) => {
    const { session, write, heard } = rotating(t, bed, ec256, options);
    return { session, heard, refused: "ec256", replace: () => write(rsa2048), next: "rsa2048" };
  },
  "a token's certificate": async (t, options) => {
    const own = bed.tokens.tokens.gw.keys.ec256.certificate;
    const dir = mkdtempSync(join(bed.dir, "refused-"));
    const certificate = join(dir, "cert.pem");
    writeFileSync(certificate, read(own));
    const renewed = await issueFor(bed, dir, "hsm-renewed", own);
    const session = sessionFor(t, bed.hsm("ec256", { certificate, onWarning: () => {}, ...options }));
    const replace = () => writeFileSync(certificate, renewed);
    return { session, heard: listening(session), refused: "hsm-ec256", replace, next: "hsm-renewed" };
  },
};

for (const version of ["1.2", "1.3"]) {
  for (const [what, open] of Object.entries(refusedInFlight)) {
    test.serial(
      `${what}: refused in the handshake and replaced meanwhile, heals in one fetch, TLS ${version}`,
      async (t) => {
        await bed.configure({ versions: [version], refuse: "tls" });
        const { session, heard, refused, replace, next } = await open(t, { endpoint: bed.link.endpoint });
        await session.credentials();
        await bed.control("PUT", `/certificates/${refused}`, { status: "revoked" });
        await bed.control("POST", "/connections/drop");
        // The files have been looked at when the connection comes, and the handshake takes its time.
        await bed.badLink("latency", { ms: 100 }, 1);
        const refreshed = session.refresh(force);
        await awaited(bed, "link", 2);
        t.is((await bed.log("handshake-failed")).length, 0);
        replace();
        await refreshed.catch((error) => t.fail(`${error.code} ${error.message}`));
        t.like(session.status(), { fetches: 2, failures: 0 });
        t.deepEqual(heard.refreshError, []);
        t.is((await bed.log("handshake-failed")).length, 1);
        const { clientCertificate, handshake, tlsVersion } = (await bed.log("connection")).at(-1);
        t.deepEqual([clientCertificate, handshake, tlsVersion], [next, "full", version]);
      },
    );
  }
}

test.serial("a certificate refused by a 403, and replaced meanwhile, heals in one fetch", async (t) => {
  await bed.configure({ refuse: "http" });
  const { session, write } = rotating(t, bed, ec256, { endpoint: bed.link.endpoint });
  await session.credentials();
  await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
  await bed.control("POST", "/connections/drop");
  await bed.badLink("latency", { ms: 100 }, 1);
  const refreshed = session.refresh(force);
  await awaited(bed, "link", 2);
  write(rsa2048);
  await refreshed.catch((error) => t.fail(`${error.code} ${error.message}`));
  t.deepEqual(
    (await bed.log("request")).map(({ status }) => status),
    [200, 403, 200],
  );
});

test.serial("a disk that hangs takes no certificate away", async (t) => {
  const { session, files } = rotating(t, bed, ec256);
  await session.credentials();
  // Who opens a file under a lease waits until its holder gives it back.
  const script = `$SIG{IO} = "IGNORE"; open(F, "+<", $ARGV[0]) or die; my $write = 1;
    fcntl(F, 1024, $write) // die "no lease: $!"; $| = 1; print "held"; <STDIN>;`;
  const holder = spawn("perl", ["-e", script, files.privateKey], { stdio: ["pipe", "pipe", "inherit"] });
  t.teardown(() => holder.kill("SIGKILL"));
  if (!(await Promise.race([once(holder.stdout, "data"), once(holder, "close").then(() => false)]))) {
    t.log("skipped: the file system of this folder knows no leases, or there is no perl");
    return t.pass();
  }
  const took = [];
  for (let fetch = 0; fetch < 2; fetch++) {
    const begun = performance.now();
    await session.refresh(force);
    took.push(performance.now() - begun);
  }
  t.true(took[0] >= 900 && took[0] < 3000, `the first one waits for a second: ${took}`);
  t.true(took[1] < 900, `the next one not at all: ${took}`);
  t.is(await lastDevice(), "ec256");
});

test.serial("a refused certificate with nothing new on the disk is refused", async (t) => {
  const { session } = rotating(t, bed, ec256);
  await session.credentials();
  await bed.control("PUT", "/certificates/ec256", { status: "revoked" });
  await bed.control("POST", "/connections/drop");
  const error = await t.throwsAsync(session.refresh(force));
  t.is(error.code, "ERR_CERTIFICATE_REFUSED");
  t.like(session.status(), { fetches: 2, failures: 1 });
});

test.serial("half a pair keeps the old one, and is told once", async (t) => {
  const { session, files, heard } = rotating(t, bed, ec256);
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
  const { session, files, dir, heard } = rotating(t, bed, ec256, { certificateWarningDays: 6 });
  const expiry = () => session.status().certificateExpiry.getTime();
  const first = expiry();
  await session.credentials();
  const pem = await issue(bed, dir, "short", files.privateKey, 5);
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
  const certificate = await issue(bed, dir, "over", bed.pki.devices.ec256.privateKey, 0);
  for (const [certificateWarningDays, expected] of [
    [undefined, 1],
    [0, 0],
  ]) {
    const { session, heard } = rotating(t, bed, { ...ec256, certificate }, { certificateWarningDays });
    // It ends in the second that it was made in; the testbed counts whole ones.
    await until(() => Date.now() > session.status().certificateExpiry.getTime() + 1000);
    await t.throwsAsync(session.credentials(), { code: "ERR_CERTIFICATE_REFUSED" });
    t.is(heard.warning.length, expected);
    if (expected === 1) t.regex(heard.warning[0].message, /"CN=over" has expired on .* by the server's clock/);
  }
});

test.serial("a CA bundle that is replaced is believed from the next fetch on", async (t) => {
  const ca = join(mkdtempSync(join(bed.dir, "ca-")), "ca.pem");
  writeFileSync(ca, read(bed.pki.deviceCa));
  const { session } = rotating(t, bed, ec256, { ca });
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

test.serial("a key that is replaced in the token, with its certificate, heals in one fetch", async (t) => {
  const { module: library, tokens } = bed.tokens;
  const { label, pin } = tokens.gw;
  const dir = mkdtempSync(join(bed.dir, "rekeyed-"));
  const certificate = join(dir, "cert.pem");
  const key = ["--id", "77", "--label", "rekeyed"];
  const tool = (...args) =>
    execFileSync(
      "pkcs11-tool",
      ["--module", library, "--token-label", label, "--login", "--pin", pin, ...args, ...key],
      {
        stdio: "ignore",
      },
    );
  const generate = (name) => {
    tool("--keypairgen", "--key-type", "EC:prime256v1");
    tool("--read-object", "--type", "pubkey", "--output-file", join(dir, "public.der"));
    execFileSync("openssl", [
      "pkey",
      "-pubin",
      "-inform",
      "DER",
      "-in",
      join(dir, "public.der"),
      "-out",
      join(dir, `${name}.pub`),
    ]);
    return issueFor(bed, dir, name, join(dir, `${name}.pub`));
  };
  writeFileSync(certificate, await generate("rekeyed-1"));
  const options = bed.hsm("ec256", { certificate, onWarning: () => {} }, { privateKeyId: "77" });
  const session = sessionFor(t, options);
  await session.credentials();
  for (const type of ["privkey", "pubkey"]) tool("--delete-object", "--type", type);
  writeFileSync(certificate, await generate("rekeyed-2"));
  await bed.control("POST", "/connections/drop");
  await session.refresh(force);
  t.is(await lastDevice(), "rekeyed-2");
  t.is(session.status().failures, 0);
});
