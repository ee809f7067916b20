// Keys in tokens: which are found, what is said when none or several are, and how often they sign.

import { createHash } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import test from "ava";
import { ConfigurationError, Pkcs11Error, RefreshableSession, ValidationError } from "../dist/index.mjs";
import { Sessions, spyOn } from "./children/run.mjs";
import { unshared } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

let tb;
let gw;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
  gw = tb.tokens.tokens.gw;
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

const keys = [
  ["ec256", { 1.2: "ECDSA_NISTP256_SHA256", 1.3: "ECDSA_NISTP256_SHA256" }],
  ["ec384", { 1.2: "ECDSA_NISTP384_SHA384", 1.3: "ECDSA_NISTP384_SHA384" }],
  ["rsa2048", { 1.2: /^RSA_/, 1.3: /^RSA_PSS_/ }],
];

for (const [key, schemes] of keys) {
  for (const version of ["1.2", "1.3"]) {
    test.serial(`${key} over TLS ${version}: a full handshake signed by the token, and keys that work`, async (t) => {
      await tb.configure({ versions: [version] });
      const session = open(t, tb.hsm(key));
      t.regex((await session.credentials()).accessKeyId, /^ASIA/);
      const [connection] = await tb.log("connection");
      t.like(connection, { tlsVersion: version, handshake: "full", clientCertificate: `hsm-${key}` });
      t.regex(connection.signatureScheme, new RegExp(schemes[version]));
    });
  }
}

test.serial("ten sessions with different keys of one token, all at once", async (t) => {
  const sessions = Array.from({ length: 10 }, (_, n) => open(t, unshared(tb.hsm(keys[n % keys.length][0]))));
  const issued = await Promise.all(sessions.map((session) => session.credentials()));
  t.is(new Set(issued.map(({ accessKeyId }) => accessKeyId)).size, 10);
  const certificates = (await tb.log("connection")).map(({ clientCertificate }) => clientCertificate);
  t.deepEqual(count(certificates), { "hsm-ec256": 4, "hsm-ec384": 3, "hsm-rsa2048": 3 });
});

// Ways to select a key that all lead to one: the `pkcs11` option, and whose certificate the server sees.
const selections = [
  ["token label and key label", () => ({ tokenLabel: "gw", privateKeyLabel: "ec384" }), "ec384"],
  ["token serial and key id in hexadecimal", () => ({ tokenSerial: gw.serial, privateKeyId: "02" }), "ec384"],
  ["key id in bytes", () => ({ tokenLabel: "gw", privateKeyId: Uint8Array.of(0x0a) }), "dup-0a"],
  [
    "key label with key id, where the label is not unique",
    () => ({ tokenLabel: "gw", privateKeyLabel: "dup", privateKeyId: "0B" }),
    "dup-0b",
  ],
  [
    "token label and serial together",
    () => ({ tokenLabel: "gw", tokenSerial: gw.serial, privateKeyId: "03" }),
    "rsa2048",
  ],
];

for (const [title, selector, key] of selections) {
  for (const given of [true, false]) {
    const certificate = given ? "certificate from a file" : "certificate from the token";
    test.serial(`selected by ${title}, ${certificate}`, async (t) => {
      const options = tb.hsm(key);
      options.pkcs11 = { library: tb.tokens.module, userPin: gw.pin, ...selector() };
      if (!given) delete options.certificate;
      await open(t, options).credentials();
      t.is((await tb.log("connection"))[0].clientCertificate, `hsm-${key}`);
    });
  }
}

test.serial("a certificate of its own selector, and a key that is not named, are matched", async (t) => {
  const { certificate, ...options } = tb.hsm("ec384");
  options.pkcs11 = { library: tb.tokens.module, userPin: gw.pin, tokenLabel: "gw", certificateLabel: "ec384" };
  await open(t, options).credentials();
  options.pkcs11 = { ...options.pkcs11, certificateLabel: undefined, certificateId: "02" };
  await open(t, options).credentials();
  t.deepEqual(
    (await tb.log("connection")).map((connection) => connection.clientCertificate),
    ["hsm-ec384", "hsm-ec384"],
  );
});

test.serial("the twins are told apart by serial number", async (t) => {
  const names = ["twin-1", "twin-2"];
  for (const name of names) {
    const twin = tb.tokens.tokens[name];
    const pkcs11 = {
      library: tb.tokens.module,
      tokenLabel: "twin",
      tokenSerial: twin.serial,
      privateKeyLabel: "ec256",
      userPin: twin.pin,
    };
    await open(t, { ...tb.base(), certificate: twin.keys.ec256.certificate, pkcs11 }).credentials();
  }
  t.deepEqual(
    (await tb.log("connection")).map((connection) => connection.clientCertificate),
    names.map((name) => `hsm-${name}`),
  );
});

test.serial("a slot number alone will do, with a warning: it changes when devices come and go", async (t) => {
  const unknown = open(t, tb.hsm("ec256", {}, { tokenLabel: "nobody" }));
  const { message } = await t.throwsAsync(unknown.credentials());
  const slotId = Number(/"gw" serial \w+ in slot (\d+)/.exec(message)[1]);
  const warned = [];
  const options = tb.hsm("ec256", { onWarning: ({ code }) => warned.push(code) }, { tokenLabel: undefined, slotId });
  await open(t, options).credentials();
  t.deepEqual(warned, ["WARN_PKCS11_SLOT_ID_ONLY"]);
});

test.serial("a URI with module-path and pin-value works, and warns about the PIN in it", async (t) => {
  const warned = [];
  const { certificate, ...options } = tb.hsm("ec256", { onWarning: ({ code }) => warned.push(code) });
  options.pkcs11 = `pkcs11:token=gw;object=ec256?module-path=${tb.tokens.module}&pin-value=${gw.pin}`;
  await open(t, options).credentials();
  t.is((await tb.log("connection"))[0].clientCertificate, "hsm-ec256");
  t.deepEqual(warned, ["WARN_PKCS11_PIN_IN_URI"]);
});

test.serial("a URI with pin-source reads the PIN from the file, without the newline at its end", async (t) => {
  const file = join(tb.dir, "pin");
  await writeFile(file, `${gw.pin}\n`);
  for (const source of [file, `file:${file}`]) {
    const options = tb.hsm("ec256", { onWarning: ({ code }) => t.fail(code) });
    options.pkcs11 = `pkcs11:token=gw;id=%01?module-path=${tb.tokens.module}&pin-source=${source}`;
    t.regex((await open(t, unshared(options)).credentials()).accessKeyId, /^ASIA/);
  }
  t.is((await tb.log("connection")).length, 2);
});

test.serial("a URI in the object goes with everything that says how the token is used", async (t) => {
  const librarySha256 = createHash("sha256").update(readFileSync(tb.tokens.module)).digest("hex");
  const uri = `pkcs11:token=gw;object=ec256?module-path=${tb.tokens.module}`;
  const inUri = `pkcs11:token=gw;object=ec256`;
  process.env.GW_PIN_OF_THIS_TEST = gw.pin;
  for (const pkcs11 of [
    { uri, userPin: gw.pin },
    { uri, userPinEnv: "GW_PIN_OF_THIS_TEST", librarySha256, forceLogin: true, signTimeoutMs: 9000 },
    { uri: inUri, library: tb.tokens.module, userPin: () => gw.pin },
    { uri: `${uri}&pin-value=${gw.pin}`, librarySha256 },
  ]) {
    const { certificate, ...options } = tb.hsm("ec256", { onWarning: () => {} });
    t.regex((await open(t, unshared({ ...options, pkcs11 })).credentials()).accessKeyId, /^ASIA/);
  }
  const session = open(t, tb.hsm("ec256", { pkcs11: { uri, userPin: gw.pin, librarySha256: "0".repeat(64) } }));
  t.is((await t.throwsAsync(session.credentials())).code, "ERR_PKCS11_MODULE_HASH");
  const slow = open(t, tb.hsm("ec256", { pkcs11: { uri, userPin: "9999" } }));
  t.is((await t.throwsAsync(slow.credentials())).code, "ERR_PKCS11_PIN_MISMATCH");
});

test.serial("a pin-source that is not there: ERR_FILE_UNREADABLE, until it is", async (t) => {
  const file = join(tb.dir, "pin-that-comes-later");
  const options = tb.hsm("ec256");
  options.pkcs11 = `pkcs11:token=gw;id=%01?module-path=${tb.tokens.module}&pin-source=${file}`;
  const session = open(t, options);
  const error = await t.throwsAsync(session.credentials(), { instanceOf: ConfigurationError });
  t.is(error.code, "ERR_FILE_UNREADABLE");
  t.true(error.message.includes(file));
  await writeFile(file, gw.pin);
  t.regex((await session.credentials()).accessKeyId, /^ASIA/);
});

// Selections that do not lead to exactly one: `pkcs11`, whether the certificate is left to the token, then the error.
const misses = [
  [
    "a token label that no token has",
    { tokenLabel: "nobody" },
    ["ERR_PKCS11_TOKEN_NOT_FOUND", true, "pkcs11.tokenLabel"],
    [/no token with label "nobody"/, /"gw" serial \w+ in slot \d+/, /"other" serial/, /("twin" serial.*){2}/],
  ],
  [
    "a serial number that no token has",
    { tokenLabel: undefined, tokenSerial: "ffff" },
    ["ERR_PKCS11_TOKEN_NOT_FOUND", true, "pkcs11.tokenLabel"],
    [/serial "ffff"/, /"gw" serial/],
  ],
  [
    "label and serial number of two tokens",
    { tokenLabel: "other", tokenSerial: () => gw.serial },
    ["ERR_PKCS11_TOKEN_NOT_FOUND", true, "pkcs11.tokenLabel"],
    [/label "other", serial/],
  ],
  [
    "a token label that two tokens have",
    { tokenLabel: "twin" },
    ["ERR_PKCS11_TOKEN_AMBIGUOUS", false, "pkcs11.tokenLabel"],
    [/2 tokens with label "twin"/, /("twin" serial.*){2}/, /tokenSerial/],
  ],
  [
    "no token selector where there are several",
    { tokenLabel: undefined },
    ["ERR_PKCS11_TOKEN_AMBIGUOUS", false, "pkcs11.tokenLabel"],
    [/4 tokens with no selector/],
  ],
  [
    "a key label that no key has",
    { privateKeyId: undefined, privateKeyLabel: "nobody" },
    ["ERR_PKCS11_KEY_NOT_FOUND", false, "pkcs11.privateKeyLabel"],
    [/no private key with label "nobody"/, /label "ec256" id 01/, /label "rsa2048" id 03/, /label "dup" id 0a/],
  ],
  [
    "a key id that no key has",
    { privateKeyId: "ff01" },
    ["ERR_PKCS11_KEY_NOT_FOUND", false, "pkcs11.privateKeyId"],
    [/id ff01/, /label "ec256" id 01/],
  ],
  [
    "label and id of two keys",
    { privateKeyLabel: "ec256", privateKeyId: "02" },
    ["ERR_PKCS11_KEY_NOT_FOUND", false, "pkcs11.privateKeyLabel"],
    [/label "ec256", id 02/],
  ],
  [
    "a key label that two keys have",
    { privateKeyId: undefined, privateKeyLabel: "dup" },
    ["ERR_PKCS11_KEY_AMBIGUOUS", false, "pkcs11.privateKeyLabel"],
    [/2 private keys with label "dup"/, /label "dup" id 0a/, /label "dup" id 0b/, /privateKeyId/],
  ],
  [
    "no key selector where there are several",
    { privateKeyId: undefined },
    ["ERR_PKCS11_KEY_AMBIGUOUS", false, "pkcs11.privateKeyLabel"],
    [/5 private keys with no selector/],
  ],
  [
    "a certificate label that none has",
    { certificateLabel: "nobody" },
    ["ERR_PKCS11_CERTIFICATE_NOT_FOUND", false, "pkcs11.certificateLabel"],
    [/no certificate with label "nobody"/, /label "ec384" id 02/],
    { certificate: undefined },
  ],
  [
    "a certificate label that two have",
    { certificateLabel: "dup" },
    ["ERR_PKCS11_CERTIFICATE_AMBIGUOUS", false, "pkcs11.certificateLabel"],
    [/2 certificates with label "dup"/, /id 0a/, /id 0b/, /certificateId/],
    { certificate: undefined },
  ],
];

for (const [title, selector, [code, retryable, param], messages, options = {}] of misses) {
  test.serial(`${title}: ${code}, listing what was seen`, async (t) => {
    const resolved = Object.entries(selector).map(([name, value]) => [
      name,
      typeof value === "function" ? value() : value,
    ]);
    const session = open(t, tb.hsm("ec256", options, Object.fromEntries(resolved)));
    const error = await t.throwsAsync(session.credentials(), { instanceOf: Pkcs11Error });
    t.like(error, { code, retryable, param });
    for (const message of messages) t.regex(error.message, message);
    t.truthy(error.hint);
    t.deepEqual(await tb.log(), [], "nothing was sent to the endpoint");
  });
}

for (const [title, id] of [
  ["of another curve", "02"],
  ["of another type", "03"],
  ["of the same kind", "0a"],
]) {
  test.serial(`a key ${title} than the certificate's: ERR_PKCS11_KEY_MISMATCH before anything is sent`, async (t) => {
    const session = open(t, tb.hsm("ec256", {}, { privateKeyId: id }));
    const error = await t.throwsAsync(session.credentials(), { instanceOf: Pkcs11Error });
    t.like(error, { code: "ERR_PKCS11_KEY_MISMATCH", retryable: false });
    t.regex(error.message, new RegExp(`id ${id}`));
    t.regex(error.message, /certificate's is .* with SPKI SHA-256/);
    t.deepEqual(await tb.log(), []);
  });
}

/** A shared object that every process has: the C or mathematics library. */
function plainLibrary() {
  const { sharedObjects } = process.report.getReport();
  const found = sharedObjects.find((path) => /^lib[cm][.-]|^ld-musl/.test(basename(path)) && existsSync(path));
  if (found === undefined) throw new Error("no C library among this process's shared objects");
  return found;
}

function everybodys() {
  const folder = join(tb.dir, "everybodys");
  if (!existsSync(folder)) mkdirSync(folder);
  chmodSync(folder, 0o1777);
  const path = join(folder, "module.so");
  writeFileSync(path, "");
  return path;
}

const badModules = [
  [
    "a file that is not there",
    () => join(tb.dir, "no-such-module.so"),
    "MODULE",
    /no-such-module\.so` cannot be opened/,
  ],
  ["a file in a folder for everybody", everybodys, "MODULE_WRITABLE", /was not loaded: the folder.* mode 1777/],
  ["a file that is no shared object", () => "/etc/passwd", "MODULE_PLATFORM", /is no shared library/],
  ["a shared object that is no PKCS#11 module", plainLibrary, "MODULE", /is no PKCS#11 module.*C_GetFunctionList/],
];

for (const [title, library, code, message] of badModules) {
  test.serial(`${title}: ERR_PKCS11_${code}, every time`, async (t) => {
    const session = open(t, tb.hsm("ec256", {}, { library: library() }));
    for (let round = 0; round < 2; round++) {
      const error = await t.throwsAsync(session.credentials(), { instanceOf: Pkcs11Error });
      t.like(error, { code: `ERR_PKCS11_${code}`, retryable: false, param: "pkcs11.library" });
      t.regex(error.message, message);
    }
  });
}

test.serial("a module with another SHA-256 than the one given is not loaded", async (t) => {
  const { module: library } = tb.tokens;
  const right = createHash("sha256").update(readFileSync(library)).digest("hex");
  const wrong = open(t, tb.hsm("ec256", {}, { library, librarySha256: "ab".repeat(32) }));
  const error = await t.throwsAsync(wrong.credentials(), { instanceOf: Pkcs11Error });
  t.like(error, { code: "ERR_PKCS11_MODULE_HASH", param: "pkcs11.librarySha256" });
  t.true(error.message.includes(right));
  const session = open(t, tb.hsm("ec256", {}, { library, librarySha256: right.toUpperCase() }));
  await t.notThrowsAsync(session.credentials());
});

test.serial("a module path that is relative or a folder: ERR_INVALID_OPTION", async (t) => {
  const relative = t.throws(() => open(t, tb.hsm("ec256", {}, { library: "libsofthsm2.so" })));
  const folder = await t.throwsAsync(open(t, tb.hsm("ec256", {}, { library: tb.dir })).credentials());
  for (const error of [relative, folder]) {
    t.true(error instanceof ValidationError);
    t.like(error, { code: "ERR_INVALID_OPTION", param: "pkcs11.library" });
  }
});

test.serial("the module is first touched when credentials are asked for", (t) => {
  t.notThrows(() => open(t, tb.hsm("ec256", {}, { library: join(tb.dir, "no-such-module.so") })));
});

for (const key of ["ec256", "rsa2048"]) {
  test.serial(`${key}: one signature for each full handshake, none for anything else`, async (t) => {
    const spy = spyOn(tb.tokens.module, join(tb.dir, `spy-${key}.log`));
    const child = new Sessions({ env: spy.env });
    const options = tb.hsm(key, {}, { library: spy.library });
    t.like(await child.call("open", { name: "a", options }), { error: undefined });
    t.is(spy.count("C_Initialize"), 0, "the constructor leaves the module alone");
    const held = (await child.call("credentials", { name: "a" })).value;
    // The self-test, and the handshake.
    t.is(spy.count("C_SignInit"), 2);
    t.is(spy.count("C_Sign"), 2);

    for (let n = 0; n < 10; n++) t.is((await child.call("credentials", { name: "a" })).value, held);
    t.is(spy.count("C_SignInit"), 2, "an answer from memory needs no signature");

    for (let n = 0; n < 3; n++) t.is((await child.call("refresh", { name: "a" })).error, undefined);
    t.is(spy.count("C_SignInit"), 2, "a kept connection needs no signature");
    t.is((await tb.log("connection")).length, 1);

    for (let n = 1; n <= 3; n++) {
      await tb.control("POST", "/connections/drop");
      t.is((await child.call("refresh", { name: "a" })).error, undefined);
      t.is(spy.count("C_SignInit"), 2 + n);
      t.is(spy.count("C_Sign"), 2 + n, "one call each: no question for the length first");
    }
    t.is((await tb.log("connection")).length, 4);

    // Everything else is done once, however many fetches there are.
    for (const name of ["C_Initialize", "C_Login", "C_OpenSession"]) t.is(spy.count(name), 1, name);
    t.is((await child.end()).code, 0);
    t.is(spy.count("C_CloseSession"), 1, "a TPM would leak the session of an ended process");
    t.is(spy.count("C_Finalize"), 0, "others in the process may be using the module");
  });
}

test.serial("SOFTHSM2_CONF missing: no token is seen, and the error names the variable", async (t) => {
  // Without it SoftHSM reads the machine's or the user's configuration: an empty home has none.
  const child = new Sessions({ env: { SOFTHSM2_CONF: undefined, HOME: tb.dir } });
  await child.call("open", { name: "a", options: tb.hsm("ec256") });
  const { error } = await child.call("credentials", { name: "a" });
  t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_TOKEN_NOT_FOUND" });
  t.regex(error.message, /tokens seen: (none|an uninitialised token in slot \d+)/);
  t.regex(error.hint, /SOFTHSM2_CONF/);
  t.is((await child.end()).code, 0);
});

function count(names) {
  const counts = {};
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function open(t, options) {
  const session = new RefreshableSession(options);
  t.teardown(() => session.close());
  return session;
}
