// Every PKCS#11 module that Debian has, on the real endpoint, with real tokens where there can be one without hardware:
// SoftHSM directly and through p11-kit, tpm2-pkcs11 on a TPM in software, opencryptoki's software token. And what each
// of them does about PINs: pkcs11-spy counts what was sent.
//
// Each test has processes of its own, because logins and refused PINs are the process's.

import { join } from "node:path";
import test from "ava";
import { systemModule } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { opencryptokiToken, whyNoOpencryptoki } from "./support/tokens/opencryptoki.mjs";
import { p11KitServer } from "./support/tokens/p11-kit.mjs";
import { softhsmToken, viaModule } from "./support/tokens/softhsm.mjs";
import { tpmToken } from "./support/tokens/tpm.mjs";

const tb = await startTestbed({ tokens: true });
const remote = await p11KitServer(tb, join(tb.dir, "p11"));
const tpm = await tpmToken(tb, { keys: ["ec256", "rsa2048"] });
const noOpencryptoki = whyNoOpencryptoki();
const opencryptoki = noOpencryptoki === undefined ? await opencryptokiToken(tb) : undefined;
const wary = softhsmToken(tb, "wary", "canary-pin-wary-20").addKey("ec256", "--always-auth");

test.afterEach.always(() => tb.reset());
test.after.always(() => Promise.all([remote, tpm, opencryptoki, tb].map((each) => each?.stop())));

const client = systemModule("p11-kit-client.so", "p11-kit-modules");
const proxy = systemModule("p11-kit-proxy.so", "p11-kit-modules");
// It asks all modules of the system, of which one would begin a store in the home directory.
const noTpm = {
  TPM2_PKCS11_STORE: tb.dir,
  TPM2_PKCS11_TCTI: `swtpm:path=${join(tb.dir, "none")}`,
  TSS2_LOG: "all+NONE",
};

const modules = [
  ["SoftHSM through a p11-kit server", viaModule(tb, client, remote.env), ["ec256", "ec384", "rsa2048"]],
  ["SoftHSM through the p11-kit proxy", viaModule(tb, proxy, noTpm), ["ec256", "ec384", "rsa2048"]],
  ["tpm2-pkcs11", tpm, ["ec256", "rsa2048"]],
  ["opencryptoki", opencryptoki, ["rsa2048", "ec256"], noOpencryptoki],
];

const schemes = {
  ec256: { 1.2: /^ECDSA_NISTP256_SHA256$/, 1.3: /^ECDSA_NISTP256_SHA256$/ },
  ec384: { 1.2: /^ECDSA_NISTP384_SHA384$/, 1.3: /^ECDSA_NISTP384_SHA384$/ },
  rsa2048: { 1.2: /^RSA_/, 1.3: /^RSA_PSS_/ },
};

for (const [module, token, keys, absent] of modules) {
  for (const key of keys) {
    const lacking = absent ?? (token.keys[key] === undefined ? "this version makes no such key" : undefined);
    const declare = lacking === undefined ? test.serial : test.serial.skip;
    for (const version of ["1.2", "1.3"]) {
      const title = `${module}, ${key} over TLS ${version}: a full handshake signed by the token, and keys that work`;
      declare(lacking === undefined ? title : `${title} (${lacking})`, async (t) => {
        await token.register();
        await tb.configure({ versions: [version] });
        const child = token.child(t);
        const session = await child.open("a", { key });
        t.regex((await session.identity()).value, /assumed-role/);
        const [connection] = await tb.log("connection");
        const { device } = token.keys[key];
        t.like(connection, { tlsVersion: version, handshake: "full", clientCertificate: device });
        t.regex(connection.signatureScheme, schemes[key][version]);
        t.is((await child.end()).code, 0);
      });
    }
  }
}

// Modules whose device is not here, or that have no keys: no crash and no guess, and the process ends.
const nowhere = { P11_KIT_SERVER_ADDRESS: `unix:path=${join(tb.dir, "none")}` };
for (const [title, file, packaged, codes, env, label] of [
  ["OpenSC without a reader", "opensc-pkcs11.so", "opensc-pkcs11", /_TOKEN_NOT_FOUND$/],
  ["ykcs11 without a reader", "libykcs11.so", "ykcs11", /_(CALL|TOKEN_NOT_FOUND)$/],
  ["p11-kit's client without a server", "p11-kit-client.so", "p11-kit-modules", /_TOKEN_NOT_FOUND$/, nowhere],
  ["p11-kit's trust store", "p11-kit-trust.so", "p11-kit-modules", /_KEY_NOT_FOUND$/, {}, "System Trust"],
  ["tpm2-pkcs11 without a TPM", "libtpm2_pkcs11.so", "libtpm2-pkcs11-1", /_INITIALIZE$/, noTpm],
  ["opencryptoki without this token", "libopencryptoki.so", "opencryptoki", /_(INITIALIZE|TOKEN_NOT_FOUND)$/],
]) {
  test.serial(`${title}: a typed error, each time`, async (t) => {
    const child = viaModule(tb, systemModule(file, packaged), env, label ?? "nobody").child(t);
    const session = await child.open("a", { key: "ec256" });
    for (let n = 0; n < 3; n++) {
      const { error } = await session.credentials();
      t.is(error?.name, "Pkcs11Error");
      t.regex(error.code, codes);
    }
    t.is((await child.end()).code, 0);
  });
}

test.serial("a key that wants the PIN for every use gets it for every handshake, and else never", async (t) => {
  await wary.register();
  const { spy, open } = wary.child(t, { spied: true });
  const session = await open("a");
  const kinds = () => {
    const all = spy.logins();
    return ["CKU_USER", "CKU_CONTEXT_SPECIFIC"].map((kind) => all.filter((each) => each === kind).length);
  };
  t.regex((await session.credentials()).value, /^ASIA/);
  // The self-test, and the handshake.
  t.deepEqual(kinds(), [1, 2]);
  t.is((await session.refresh()).error, undefined);
  t.deepEqual(kinds(), [1, 2], "a kept connection needs none");
  await tb.control("POST", "/connections/drop");
  t.is((await session.refresh()).error, undefined);
  t.deepEqual(kinds(), [1, 3]);
  t.is(spy.count("C_Sign"), 3);
  const connections = await tb.log("connection");
  t.deepEqual(
    connections.map(({ handshake, clientCertificate }) => [handshake, clientCertificate]),
    Array(2).fill(["full", "wary-ec256"]),
  );
});

// As CloudHSM and YubiHSM want them: the names of users are part of the PIN, and nobody may take it apart.
for (const [title, label, pin] of [
  ["a user and a password with a colon between", "colon", "CU_user:password"],
  ["a key's number and a password", "number", "0001password"],
  ["sixty-four hexadecimal digits", "hexadecimal", "0123456789abcdef".repeat(4)],
]) {
  test.serial(`a PIN of ${title} is sent as it is, once`, async (t) => {
    const token = softhsmToken(tb, label, pin).addKey("ec256");
    await token.register();
    const { spy, open } = token.child(t, { spied: true });
    t.regex((await (await open("a")).credentials()).value, /^ASIA/);
    t.is(spy.count("C_Login"), 1);
    t.is((await tb.log("connection"))[0].clientCertificate, `${label}-ec256`);
  });
}

test.serial(
  "tpm2-pkcs11: a wrong PIN is one try, for all sessions and threads, and the right one works after it",
  async (t) => {
    await tpm.register();
    const before = tpm.tries();
    const child = tpm.child(t, { spied: true });
    const wrong = { userPin: "9999" };
    const sessions = [];
    for (const thread of [undefined, undefined, "one", "two"]) {
      sessions.push(await child.open(`wrong-${sessions.length}`, { thread, ...wrong }));
    }
    const codes = [];
    for (let n = 0; n < 10; n++) {
      const answers = await Promise.all(sessions.map((session) => session.credentials()));
      codes.push(...answers.map(({ error }) => error?.code));
    }
    t.deepEqual(
      codes.filter((code) => code !== "ERR_PKCS11_PIN_NOT_RETRIED"),
      ["ERR_PKCS11_PIN_INCORRECT"],
    );
    t.is(codes.length, 40);
    t.is(child.spy.count("C_Login"), 1);

    const right = await child.open("right");
    t.regex((await right.credentials()).value, /^ASIA/);
    t.is(child.spy.count("C_Login"), 2);
    t.is((await child.end()).code, 0);
    const after = tpm.tries();
    t.is(after.wrong - before.wrong, 1, "a right one does not make a TPM forget");
    t.true(after.wrong < after.max, `${after.wrong} of ${after.max}`);
  },
);

const withOpencryptoki = noOpencryptoki === undefined ? test.serial : test.serial.skip;
const why = noOpencryptoki === undefined ? "" : ` (${noOpencryptoki})`;

for (const [title, tries, flag, message] of [
  ["one try left", 2, /final user PIN try/, /CKF_USER_PIN_FINAL_TRY/],
  ["a locked PIN", 3, /user PIN locked/, /CKF_USER_PIN_LOCKED/],
]) {
  withOpencryptoki(`opencryptoki, ${title}: not even the right PIN is sent${why}`, async (t) => {
    await spent(t, tries, flag);
    const { spy, open } = opencryptoki.child(t, { spied: true });
    for (const thread of [undefined, "one"]) {
      const session = await open("a", { thread });
      for (let n = 0; n < 3; n++) {
        const { error } = await session.credentials();
        t.like(error, { name: "Pkcs11Error", code: "ERR_PKCS11_PIN_LOCKED", retryable: false });
        t.regex(error.message, message);
        if (tries === 3) t.regex(error.hint, /pkcsconf/);
      }
    }
    t.is(spy.count("C_Login"), 0);
  });
}

withOpencryptoki(
  `opencryptoki, one try left and forceLogin: the right PIN is sent once, and works${why}`,
  async (t) => {
    await spent(t, 2, /final user PIN try/);
    const { spy, open } = opencryptoki.child(t, { spied: true });
    const session = await open("a", { forceLogin: true });
    t.regex((await session.credentials()).value, /^ASIA/);
    t.is((await session.refresh()).error, undefined);
    t.is(spy.count("C_Login"), 1);
    t.notRegex(opencryptoki.flags(), /count low|final user PIN try|user PIN locked/);
  },
);

withOpencryptoki(`opencryptoki, one try left, forceLogin and a wrong PIN: one try, and no more${why}`, async (t) => {
  await spent(t, 2, /final user PIN try/);
  const { spy, open } = opencryptoki.child(t, { spied: true });
  const codes = [];
  for (const thread of [undefined, "one"]) {
    const session = await open("a", { forceLogin: true, userPin: "11111111", thread });
    for (let n = 0; n < 5; n++) codes.push((await session.credentials()).error?.code);
  }
  t.deepEqual(codes, refusedOnce(10));
  t.regex(opencryptoki.flags(), /user PIN locked/);
  const right = await open("right", { forceLogin: true });
  t.is((await right.credentials()).error?.code, "ERR_PKCS11_PIN_LOCKED");
  t.is(spy.count("C_Login"), 1);
});

withOpencryptoki(`opencryptoki, a wrong PIN: one try over ten fetches and two threads${why}`, async (t) => {
  await spent(t, 0, /PIN initialized/);
  const { spy, open } = opencryptoki.child(t, { spied: true });
  const codes = [];
  for (const thread of [undefined, "one"]) {
    const session = await open("a", { userPin: "11111111", thread });
    for (let n = 0; n < 5; n++) codes.push((await session.credentials()).error?.code);
  }
  t.deepEqual(codes, refusedOnce(10));
  t.is(spy.count("C_Login"), 1);
  t.regex(opencryptoki.flags(), /user PIN count low/);
  t.regex((await (await open("right")).credentials()).value, /^ASIA/);
});

/** The codes of so many fetches with a wrong PIN. */
const refusedOnce = (fetches) => ["ERR_PKCS11_PIN_INCORRECT", ...Array(fetches - 1).fill("ERR_PKCS11_PIN_NOT_RETRIED")];

/** Spends tries; they are forgotten with the test. */
async function spent(t, tries, flag) {
  await opencryptoki.register();
  t.teardown(() => opencryptoki.unlock());
  opencryptoki.spend(tries);
  t.regex(opencryptoki.flags(), flag);
}
