// A key in a file, in every form a file can have, over both versions of TLS: credentials really come, and the
// testbed saw the right handshake.
//
// Serial: the versions the endpoint speaks and its log are common to all.

import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import test from "ava";
import { bodyOf, showsNone } from "./support/refusals.mjs";
import { recorder, secretsOf, sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const bed = await startTestbed();
test.after.always(() => bed.stop());
test.beforeEach(() => bed.reset());

const { devices, serverCa, deviceCa } = bed.pki;
const read = (path) => readFileSync(path, "utf8");
const derOf = (path) => bodyOf(read(path)).der;

/** Writes what the testbed does not make itself. */
const file = (name, content) => {
  const path = join(bed.dir, name);
  writeFileSync(path, content);
  return path;
};
const converted = (name, ...args) => {
  const path = join(bed.dir, name);
  execFileSync("openssl", [...args, "-out", path], { stdio: "ignore" });
  return path;
};

devices.ec384.privateKeySec1 = converted("ec384.sec1.pem", "ec", "-in", devices.ec384.privateKey);
const encrypt = ["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-passout", `pass:${bed.passphrase}`];
devices.ec384.privateKeyEncrypted = converted("ec384.enc.pem", ...encrypt, "-in", devices.ec384.privateKey);

const kinds = { ec256: "ec-p256", ec384: "ec-p384", rsa2048: "rsa-2048" };
const forms = {
  privateKey: "PKCS#8",
  privateKeySec1: "SEC1",
  privateKeyPkcs1: "PKCS#1",
  privateKeyEncrypted: "encrypted PKCS#8",
};
/** How an option can carry the content of a PEM file. */
const carriers = {
  "a path": (path) => path,
  "PEM text": read,
  "PEM bytes": (path) => new Uint8Array(readFileSync(path)),
  "DER bytes": derOf,
  "a DER file": (path) => file(`${path.split("/").at(-1)}.der`, derOf(path)),
};

const cases = [];
for (const [device, kind] of Object.entries(kinds)) {
  for (const [form, formName] of Object.entries(forms)) {
    const path = devices[device][form];
    if (path === undefined) continue;
    for (const [carrier, carry] of Object.entries(carriers)) {
      const options = { certificate: carry(devices[device].certificate), privateKey: carry(path) };
      const title = `${kind}, ${formName} as ${carrier}`;
      if (form !== "privateKeyEncrypted") {
        cases.push({ title, device, options });
        continue;
      }
      for (const [how, privateKeyPassphrase] of [
        ["a text", bed.passphrase],
        ["bytes", new TextEncoder().encode(bed.passphrase)],
      ]) {
        cases.push({ title: `${title}, passphrase as ${how}`, device, options: { ...options, privateKeyPassphrase } });
      }
    }
  }
}

const schemes = {
  ec256: { 1.2: /^ECDSA_NISTP256_SHA256$/, 1.3: /^ECDSA_NISTP256_SHA256$/ },
  ec384: { 1.2: /^ECDSA_NISTP384_SHA384$/, 1.3: /^ECDSA_NISTP384_SHA384$/ },
  rsa2048: { 1.2: /^RSA_(PSS|PKCS1)_SHA/, 1.3: /^RSA_PSS_SHA/ },
};

/** Fetches with these options, and asserts what came and what the testbed saw. */
async function fetches(t, device, options, tlsVersion) {
  await bed.configure({ versions: [tlsVersion] });
  const session = sessionFor(t, bed.pem(device, options));
  const credentials = await session.credentials();
  t.regex(credentials.accessKeyId, /^ASIA[A-Z0-9]{16}$/);
  t.true(credentials.secretAccessKey.length > 0 && credentials.sessionToken.length > 0);
  const [connection, ...more] = await bed.log("connection");
  t.deepEqual(more, []);
  t.like(connection, {
    service: "iot",
    sni: "localhost",
    tlsVersion,
    handshake: "full",
    clientCertificate: device,
    clientKey: kinds[device],
  });
  t.regex(connection.signatureScheme, schemes[device][tlsVersion]);
  const requests = await bed.log("request");
  t.is(requests.length, 1);
  t.like(requests[0], { method: "GET", path: "/role-aliases/gateway-role/credentials", status: 200 });
  t.is(requests[0].headers["x-amzn-iot-thingname"], bed.thing);
}

for (const { title, device, options } of cases) {
  for (const version of ["1.2", "1.3"]) {
    test.serial(`TLS ${version}: ${title}`, (t) => fetches(t, device, options, version));
  }
}

// ----------------------------------------------------------------------------------------------- certificate, key

const leaf = read(devices.ec256.certificate);
const layouts = {
  "a chain with the CA behind": leaf + read(deviceCa),
  "explanations before and between": `subject=CN = gw\n\n${leaf}\nissuer=CN = ca\n${read(deviceCa)}`,
  "Windows line endings": leaf.replaceAll("\n", "\r\n"),
  "no newline at its end": leaf.trimEnd(),
  "the key in the same text": leaf + read(devices.ec256.privateKey),
};

for (const [layout, certificate] of Object.entries(layouts)) {
  test.serial(`a certificate with ${layout}`, (t) => fetches(t, "ec256", { certificate }, "1.3"));
}

test.serial("certificate and key in one file", (t) => {
  const both = file("both.pem", leaf + read(devices.ec256.privateKey));
  return fetches(t, "ec256", { certificate: both, privateKey: both }, "1.3");
});

test.serial("a key behind its curve's parameters, as `openssl ecparam -genkey` writes it", (t) => {
  const parameters = execFileSync("openssl", ["ecparam", "-name", "prime256v1"], { encoding: "utf8" });
  return fetches(t, "ec256", { privateKey: parameters + read(devices.ec256.privateKeySec1) }, "1.3");
});

test.serial("a key with Windows line endings", (t) =>
  fetches(t, "ec256", { privateKey: read(devices.ec256.privateKey).replaceAll("\n", "\r\n") }, "1.3"),
);

test.serial("a path relative to the working directory", (t) => {
  const { certificate, privateKey } = devices.ec256;
  const relative = (path) => join(...process.cwd().split("/").slice(1).fill(".."), path);
  return fetches(t, "ec256", { certificate: relative(certificate), privateKey: relative(privateKey) }, "1.3");
});

test.serial("a passphrase that is not ASCII", (t) => {
  const privateKeyPassphrase = "pässwört-€";
  const privateKey = converted(
    "umlaut.pem",
    ...encrypt.slice(0, -1),
    `pass:${privateKeyPassphrase}`,
    "-in",
    devices.ec256.privateKey,
  );
  return fetches(t, "ec256", { privateKey, privateKeyPassphrase }, "1.3");
});

for (const [cipher, args] of Object.entries({
  "AES-128-CBC": ["-v2", "aes-128-cbc"],
  "3DES": ["-v2", "des3"],
  scrypt: ["-scrypt"],
})) {
  test.serial(`a key encrypted with ${cipher}`, (t) => {
    const options = ["pkcs8", "-topk8", ...args, "-passout", `pass:${bed.passphrase}`, "-in", devices.ec256.privateKey];
    const privateKey = converted(`${cipher}.pem`, ...options);
    return fetches(t, "ec256", { privateKey, privateKeyPassphrase: bed.passphrase }, "1.3");
  });
}

// -------------------------------------------------------------------------------------------------------------- ca

const bundles = {
  "a path": serverCa,
  "PEM text": read(serverCa),
  "PEM bytes": readFileSync(serverCa),
  "DER bytes": derOf(serverCa),
  "a bundle in which it is the second": read(deviceCa) + read(serverCa),
};

for (const [form, ca] of Object.entries(bundles)) {
  test.serial(`ca as ${form}`, (t) => fetches(t, "ec256", { ca }, "1.3"));
}

for (const [label, options] of Object.entries({
  "signed by another CA than `ca`": { ca: deviceCa },
  "not known to the system": { ca: "system" },
  "not known to the system, which is the default": { ca: undefined },
  "for another name than `serverName`": { serverName: "elsewhere.example" },
})) {
  test.serial(`a server certificate ${label} is refused, and no request sent`, async (t) => {
    // The client is to find out by itself, not to be sent away by the server.
    await bed.configure({ requireSni: false });
    const session = sessionFor(t, bed.pem("ec256", options));
    const error = await t.throwsAsync(session.credentials());
    t.is(error.name, "ConnectionError");
    t.is(error.code, "ERR_SERVER_CERTIFICATE");
    t.is(error.retryable, false);
    t.is(error.tryNextLink, false);
    t.deepEqual(await bed.log("request"), []);
    showsNone(t, error, bodyOf(read(devices.ec256.privateKey)).lines, label);
  });
}

test.serial("`ca` replaces the system's store and adds nothing to the next session's", async (t) => {
  await sessionFor(t, bed.pem()).credentials();
  const error = await t.throwsAsync(sessionFor(t, bed.pem("ec256", { ca: "system" })).credentials());
  t.is(error.code, "ERR_SERVER_CERTIFICATE");
});

// ---------------------------------------------------------------------------------------- serverName, verifyPeer

test.serial("serverName replaces the endpoint's name in SNI and in the check of the certificate", async (t) => {
  const session = sessionFor(t, bed.pem("ec256", { serverName: bed.iot.altName }));
  await session.credentials();
  const [connection] = await bed.log("connection");
  t.is(connection.sni, bed.iot.altName);
  const [request] = await bed.log("request");
  t.is(request.headers.host, bed.iot.endpoint);
});

test.serial("serverName makes an address usable as endpoint", async (t) => {
  const endpoint = `127.0.0.1:${bed.iot.port}`;
  const session = sessionFor(t, bed.pem("ec256", { endpoint, serverName: bed.iot.altName }));
  await t.notThrowsAsync(session.credentials());
});

test.serial("verifyPeer: false takes any server, and says so once", async (t) => {
  await bed.configure({ serverCertificate: "unknownCa" });
  await t.throwsAsync(sessionFor(t, bed.pem()).credentials(), { code: "ERR_SERVER_CERTIFICATE" });
  const warnings = [];
  const onWarning = (warning) => warnings.push(warning);
  const logger = recorder();
  const session = sessionFor(t, bed.pem("ec256", { verifyPeer: false, ca: undefined, onWarning, logger }));
  await session.credentials();
  await session.refresh({ force: true });
  t.deepEqual(
    warnings.map(({ code }) => code),
    ["WARN_PEER_NOT_VERIFIED"],
  );
  t.is(logger.lines.filter(({ level }) => level === "warn").length, 1);
});

// -------------------------------------------------------------------------------------------------------- secrets

test.serial("what is logged of a fetch holds neither key, passphrase nor credentials", async (t) => {
  const logger = recorder();
  const { privateKeyEncrypted: privateKey } = devices.ec256;
  const session = sessionFor(t, bed.pem("ec256", { privateKey, privateKeyPassphrase: bed.passphrase, logger }));
  const credentials = await session.credentials();
  t.true(logger.lines.some(({ level, text }) => level === "debug" && text.includes(credentials.accessKeyId)));
  const keyLines = [privateKey, devices.ec256.privateKey].flatMap((path) => bodyOf(read(path)).lines);
  showsNone(t, logger.lines, [...secretsOf(credentials), bed.passphrase, ...keyLines], "the log");
});
