// `doctor` against seeded faults: each is found, named by its step, and nothing after it is blamed.
//
// Serial: the endpoint's faults are common to all.

import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { chmod, copyFile } from "node:fs/promises";
import { join } from "node:path";
import test from "ava";
import { configFor, folderFor, run, shimOn } from "./support/cli.mjs";
import { startTestbed } from "./support/testbed.mjs";

let bed;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
});
test.afterEach.always(() => bed.reset());
test.after.always(() => bed?.stop());

/** In the order in which they are looked at. */
const STEPS = [
  "configuration",
  "options",
  "files",
  "clock",
  "certificate",
  "module",
  "token",
  "pin",
  "key",
  "key-match",
  "dns",
  "tcp",
  "proxy",
  "tls",
  "server-certificate",
  "acceptance",
  "answer",
];

const pem = (overrides) => bed.pem("ec256", overrides);
const hsm = (pkcs11, overrides) => bed.hsm("ec256", overrides, pkcs11);
const SHORT = { timeoutMs: 600 };

/** A process whose JavaScript believes that it is 1970. */
const in1970 = ["--import", "data:text/javascript,Date.now = () => 42000"];

const faults = {
  "a configuration that is not there": [{ args: ["--config", "/nowhere.json"] }, "configuration", 78, /does not exist/],
  "an option that does not exist": [
    { options: () => pem({ endpont: "x" }) },
    "options",
    78,
    /ERR_UNKNOWN_OPTION/,
    /`endpoint`/,
  ],
  "no method": [{ options: () => ({}) }, "options", 78, /`method` is missing/],
  "key and token at once": [{ options: () => hsm({}, { privateKey: pem().privateKey }) }, "options", 78, /CONFLICTING/],
  "a certificate's file that is not there": [
    { options: () => pem({ certificate: "/nowhere.pem" }) },
    "files",
    78,
    /ERR_FILE_UNREADABLE/,
  ],
  "a private key that is none": [{ options: () => pem({ privateKey: bed.pki.serverCa }) }, "files", 78, /PRIVATE_KEY/],
  "a CA that is none": [{ options: () => pem({ ca: pem().privateKey }) }, "files", 78, /ERR_BAD_CA/],
  "a passphrase that is missing": [
    { options: () => pem({ privateKey: bed.pki.devices.ec256.privateKeyEncrypted }) },
    "files",
    78,
    /ERR_PASSPHRASE/,
  ],
  "a clock in 1970": [{ options: pem, node: in1970 }, "clock", 75, /1970-01-01/, /Set the clock/],
  "a certificate that has expired": [
    { options: () => bed.pem("ec256-expired") },
    "certificate",
    78,
    /expired at/,
    /Issue a new one/,
  ],
  "a key of another certificate": [
    { options: () => pem({ privateKey: bed.pki.devices["ec256-unattached"].privateKey }) },
    "key-match",
    78,
    /ERR_KEY_MISMATCH/,
  ],

  "a module that is not there": [
    { options: () => hsm({ library: "/nowhere.so" }) },
    "module",
    78,
    /ERR_PKCS11_MODULE:/,
  ],
  "a module where everybody may write": [
    { options: () => hsm({ library: join(everybodys(), "module.so") }) },
    "module",
    78,
    /ERR_PKCS11_MODULE_WRITABLE/,
    /Put the module elsewhere/,
  ],
  "a module with another hash": [{ options: () => hsm({ librarySha256: "ab".repeat(32) }) }, "module", 78, /HASH/],
  "a module that does not initialise": [shimmed("fail=C_Initialize:30"), "module", 75, /ERR_PKCS11_INITIALIZE/],
  "a module that hangs": [shimmed("hang=C_GetSlotList"), "token", 75, /ERR_PKCS11_TIMEOUT/],
  "a token that is not there": [{ options: () => hsm({ tokenLabel: "nobody" }) }, "token", 75, /TOKEN_NOT_FOUND.*"gw"/],
  "two tokens": [{ options: () => hsm({ tokenLabel: "twin" }) }, "token", 78, /TOKEN_AMBIGUOUS/, /No PIN|no PIN/],
  "a wrong PIN": [{ options: () => hsm({ userPin: "0000" }) }, "pin", 79, /PIN_INCORRECT/],
  "no PIN": [{ options: () => hsm({ userPin: undefined }) }, "pin", 79, /PIN_REQUIRED/],
  "a PIN's file that is not there": [
    { options: () => ({ ...hsm(), pkcs11: `pkcs11:token=gw?module-path=${bed.tokens.module}&pin-source=/nowhere` }) },
    "pin",
    78,
    /ERR_FILE_UNREADABLE/,
  ],
  "a PIN that is locked": [shimmed("locked"), "pin", 79, /PIN_LOCKED.*CKF_USER_PIN_LOCKED/, /Unlock it/],
  "a PIN with one try left": [shimmed("final-try"), "pin", 79, /PIN_LOCKED.*FINAL_TRY/],
  "a key that is not there": [{ options: () => hsm({ privateKeyId: "ff" }) }, "key", 78, /KEY_NOT_FOUND.*"ec384"/],
  "another key in the token": [{ options: () => hsm({ privateKeyId: "02" }) }, "key-match", 78, /KEY_MISMATCH/],

  "a name that does not resolve": [
    { options: () => pem({ endpoint: "gateway.invalid" }) },
    "dns",
    75,
    /ERR_DNS.*gateway\.invalid/,
  ],
  "a port where nobody listens": [
    { options: () => pem({ endpoint: "localhost:1" }) },
    "tcp",
    75,
    /ERR_CONNECT.*refused/,
  ],
  "an address that answers nothing": [
    { options: () => pem({ endpoint: bed.link.blackHole, ...SHORT }) },
    "tcp",
    75,
    /ERR_TIMEOUT.*opening the TCP connection/,
    /firewall/,
  ],
  "a proxy that wants a password": [
    { options: () => pem({ proxy: bed.proxy.url }), apply: () => bed.configure({ proxyAuth: true }) },
    "proxy",
    78,
    /ERR_PROXY_AUTH/,
  ],
  "a proxy that refuses the password": [
    {
      options: () => pem({ proxy: bed.proxyUrl("gateway", "canary-passphrase-wrong") }),
      apply: () => bed.configure({ proxyAuth: true }),
    },
    "proxy",
    78,
    /ERR_PROXY_AUTH.*407/,
  ],
  "a proxy that forbids it": [
    { options: () => pem({ proxy: bed.proxy.url }), apply: () => bed.badProxy("status", { code: 403 }) },
    "proxy",
    78,
    /ERR_PROXY.*403/,
  ],
  "a proxy of the environment that is silent": [
    {
      options: () => pem(SHORT),
      env: () => ({ https_proxy: bed.proxy.url }),
      apply: () => bed.badProxy("silence"),
    },
    "proxy",
    75,
    /ERR_TIMEOUT.*answer of the proxy/,
  ],
  "a proxy that is not there": [{ options: () => pem({ proxy: "http://localhost:1" }) }, "tcp", 75, /ERR_CONNECT/],
  "a link that is silent after the connection": [
    { options: () => pem({ endpoint: bed.link.endpoint, ...SHORT }), apply: () => bed.badLink("half-open") },
    "tls",
    75,
    /in the TLS handshake/,
  ],
  "a CA that the server is not of": [
    { options: () => pem({ ca: bed.pki.deviceCa }) },
    "server-certificate",
    75,
    /not issued by a trusted CA/,
  ],
  "a server certificate that has expired": [server("expired"), "server-certificate", 75, /has expired/, /clock/],
  "a server certificate of the future": [server("notYetValid"), "server-certificate", 75, /not valid yet/, /clock/],
  "a server certificate for another name": [server("wrongName"), "server-certificate", 75, /another name/],
  "a certificate that is refused in the handshake": [
    { options: () => bed.pem("ec256-unknown"), apply: () => bed.configure({ refuse: "tls" }) },
    "acceptance",
    77,
    /ERR_CERTIFICATE_REFUSED/,
  ],
  "a certificate that is not registered": [
    { options: () => bed.pem("ec256-unknown"), apply: () => bed.configure({ refuse: "http" }) },
    "acceptance",
    77,
    /ERR_CERTIFICATE_NOT_ACCEPTED/,
    /ACTIVE/,
  ],
  "a role alias that is not there": [
    { options: pem, apply: () => bed.control("DELETE", "/aliases/gateway-role") },
    "answer",
    77,
    /ERR_ROLE_ALIAS_NOT_FOUND/,
  ],
  "a thing that is not attached": [
    { options: pem, apply: () => bed.control("PUT", "/certificates/ec256", { things: [] }) },
    "answer",
    77,
    /ERR_THING_NOT_ATTACHED.* \(AccessDeniedException, request id [\w-]+\)$/,
    /attach-thing-principal/,
  ],
  "a policy that does not allow it": [
    { options: pem, apply: () => bed.control("PUT", "/aliases/gateway-role", { outcome: "denied" }) },
    "answer",
    77,
    /ERR_ACCESS_DENIED/,
  ],
  "a captive portal": [
    { options: pem, apply: () => bed.fault("html-body", { status: 403 }) },
    "answer",
    77,
    /UNEXPECTED_STATUS/,
  ],
  "a service that is down": [{ options: pem, apply: () => bed.fault("status", { code: 503 }) }, "answer", 75, /503/],
  "no answer": [
    { options: () => pem(SHORT), apply: () => bed.fault("half-open") },
    "answer",
    75,
    /waiting for the reply/,
  ],
};

function shimmed(...words) {
  return { options: () => hsm({ signTimeoutMs: 700 }), words };
}

function everybodys() {
  const folder = join(bed.dir, "everybodys");
  mkdirSync(folder, { recursive: true });
  chmodSync(folder, 0o1777);
  writeFileSync(join(folder, "module.so"), "");
  return folder;
}

function server(serverCertificate) {
  return { options: pem, apply: () => bed.configure({ serverCertificate }) };
}

/** Runs it on a fault; its report. */
async function examined(t, { options, args, apply, words, env, node }) {
  await apply?.();
  const given = options?.();
  let around = env?.() ?? {};
  if (words !== undefined) {
    const shim = await shimOn(t, bed.tokens.module, words);
    given.pkcs11.library = shim.library;
    around = { ...around, ...shim.env };
  }
  const config = args ?? ["--config", await configFor(t, given)];
  const result = await run(["doctor", "--json", ...config], { env: around, node });
  t.is(result.stderr, "");
  return { ...result, ...JSON.parse(result.stdout) };
}

const fitting = (steps) => Object.fromEntries(steps.map((step) => [step.name, step]));

for (const [title, [fault, name, exit, found, todo = /./]] of Object.entries(faults)) {
  test.serial(`${title}: ${name}, exit code ${exit}`, async (t) => {
    const { code, ok, exitCode, steps } = await examined(t, fault);
    t.deepEqual(
      steps.map((step) => step.name),
      STEPS,
    );
    const cause = steps.find(({ state }) => state === "fail");
    t.is(cause?.name, name, JSON.stringify(cause));
    t.regex(cause.found, found);
    if (todo.source !== "." || cause.todo !== undefined) t.regex(cause.todo, todo);
    t.deepEqual([code, exitCode, ok], [exit, exit, false]);
    const at = STEPS.indexOf(name);
    for (const step of steps.slice(0, at)) t.not(step.found, "not tried", step.name);
    for (const step of steps.slice(at + 1)) t.is(step.state, "skipped", `${step.name}: ${step.found}`);
  });
}

test.serial("where nothing is wrong, everything is ok, with the key in a file and in a token", async (t) => {
  for (const [options, skipped] of [
    [pem(), ["module", "token", "pin", "key", "proxy"]],
    [hsm(), ["proxy"]],
    [{ ...pem(), proxy: bed.proxy.url }, ["module", "token", "pin", "key"]],
  ]) {
    const { code, ok, steps } = await examined(t, { options: () => options });
    t.is(code, 0);
    t.true(ok);
    t.deepEqual(
      steps.filter(({ state }) => state === "skipped").map(({ name }) => name),
      skipped,
    );
    t.regex(fitting(steps).answer.found, /^credentials ASIA\w+ until \d{4}-/);
  }
});

for (const refresh of ["deferred", "eager"]) {
  test.serial(`a ${refresh} session with jitter is examined at once, and does not hold up the end`, async (t) => {
    const options = () => pem({ refresh, startupJitterSeconds: 86_400, timeoutMs: 2000 });
    const { code, ms } = await examined(t, { options });
    t.is(code, 0);
    t.true(ms < 5000, `${ms} ms`);
  });
}

test.serial("as text, with what to do", async (t) => {
  const { code, stdout } = await run(["doctor", "--config", await configFor(t, pem({ endpoint: "localhost:1" }))]);
  t.is(code, 75);
  t.regex(stdout, /^ok {4}configuration {7}\//m);
  t.regex(stdout, /^FAIL {2}tcp {17}ERR_CONNECT: .*\n {26}→ [A-Z]/m);
  t.regex(stdout, /^- {5}tls {17}not tried$/m);
  const fine = await run(["doctor", "--config", await configFor(t, pem())]);
  t.is(fine.code, 0);
  t.notRegex(fine.stdout, /FAIL|→/);
});

// What is no cause, but worth a word: the step that says it, and what it says.
const warnings = {
  "a private key that others can read": [
    async (t) => {
      const privateKey = join(await folderFor(t), "key.pem");
      await copyFile(pem().privateKey, privateKey);
      await chmod(privateKey, 0o644);
      return { options: () => pem({ privateKey }) };
    },
    "files",
    /mode 0644/,
    /chmod 600/,
  ],
  "a clock that is off": [
    () => ({ options: pem, apply: () => bed.fault("date-skew", { seconds: -3600 }) }),
    "clock",
    /3[56]\d\d s ahead of the server's/,
    /Set the clock/,
  ],
  "a server that is not checked": [
    () => ({ options: () => pem({ verifyPeer: false }) }),
    "server-certificate",
    /WARN_PEER_NOT_VERIFIED/,
  ],
};

for (const [title, [prepare, name, found, todo]] of Object.entries(warnings)) {
  test.serial(`${title}: a warning of ${name}, exit code 0`, async (t) => {
    const { code, steps } = await examined(t, await prepare(t));
    t.is(code, 0);
    const step = fitting(steps)[name];
    t.is(step.state, "warn", step.found);
    t.regex(step.found, found);
    if (todo !== undefined) t.regex(step.todo, todo);
  });
}

test.serial("a token that remembers a wrong PIN is warned about before the next try", async (t) => {
  await run(["pkcs11", "list", "--library", bed.tokens.module, "--token-label", "gw", "--pin-env", "P"], {
    env: { P: "0000" },
  });
  const { code, steps } = await examined(t, { options: () => hsm() });
  t.is(code, 0);
  t.like(fitting(steps).pin, { state: "warn" });
  t.regex(fitting(steps).pin.found, /a wrong one was given/);
  // A good login has cleared it.
  t.is(fitting((await examined(t, { options: () => hsm() })).steps).pin.state, "ok");
});

test.serial("a token in danger is sent no PIN, nor one that is not needed", async (t) => {
  const { library, env, count } = await shimOn(t, bed.tokens.module, ["locked"]);
  await run(["doctor", "--config", await configFor(t, hsm({ library }))], { env });
  t.is(count("C_Login"), 0);
});
