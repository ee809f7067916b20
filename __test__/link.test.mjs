// The way to the endpoint, with everything that can be wrong with it: each fault has its code and names the phase, no
// fetch takes longer than it may, and the same session works once the fault is gone. With keys in files and in a token.

import test from "ava";
import { Impostor } from "./support/impostor.mjs";
import { showsNone } from "./support/refusals.mjs";
import { recorder, sessionFor } from "./support/sessions.mjs";
import { startTestbed } from "./support/testbed.mjs";

const TIMEOUT_MS = 1500;
const SLACK_MS = 500;

let bed;
let stranger;
test.before(async () => {
  bed = await startTestbed({ tokens: true });
  stranger = await Impostor.before(bed.iot.port);
});
test.afterEach.always(() => {
  stranger.say(undefined);
  return bed.reset();
});
test.after.always(() => {
  stranger?.close();
  return bed?.stop();
});

const keys = {
  PEM: (overrides) => bed.pem("ec256", overrides),
  HSM: (overrides) => bed.hsm("ec256", overrides),
};

const overLink = () => ({ endpoint: bed.link.endpoint });
const link = (mode, params) => ({ options: overLink, apply: () => bed.badLink(mode, params) });
/** A fault in the middle of the reply: its head is through, its body not. */
const inTheBody = (mode) => ({
  options: overLink,
  apply: async () => {
    await bed.fault("large-body", { bytes: 40_000 });
    await bed.badLink(mode, { bytes: 20_000, toward: "client" });
  },
});
const at = (address, more = {}) => ({ options: () => ({ endpoint: address(), serverName: "localhost", ...more }) });

const lost = ["ERR_CONNECTION_LOST", /connection to localhost:\d+ broke/];
const inTls = ["ERR_TIMEOUT", /within 1500 ms; it was in the TLS handshake/];
const inBody = ["ERR_TIMEOUT", /within 1500 ms; it was waiting for the reply's body/];

/** Somebody else at the endpoint's address, who answers whatever is sent with this. */
const impostor = (answer, more = {}) => ({
  options: () => ({ endpoint: `127.0.0.1:${stranger.port}`, serverName: "localhost", ...more }),
  apply: () => stranger.say(answer),
});
/** `handshake_failure`, fatal: RFC 8446, section 6. */
const ALERT = Buffer.from([21, 3, 3, 0, 2, 2, 40]);

/** What is wrong, the code, and what the message says. Without `apply` the fault is in the options. */
const faults = {
  "the end at once": [link("close"), ...lost],
  // It may come before the system has told us that we are connected.
  "a reset at once": [link("reset"), "ERR_CONNECTION_LOST or ERR_CONNECT", /broke|127\.0\.0\.1:\d+ reset/],
  "a connection and then silence": [link("half-open"), ...inTls],
  "a reset within the ClientHello": [link("reset-after", { bytes: 50, toward: "server" }), ...lost],
  "silence within the ClientHello": [link("stall-after", { bytes: 50, toward: "server" }), ...inTls],
  "a reset within the server's flight": [link("reset-after", { bytes: 100, toward: "client" }), ...lost],
  "silence within the server's flight": [link("stall-after", { bytes: 100, toward: "client" }), ...inTls],
  "a link with seconds of latency": [link("latency", { ms: 2000 }), ...inTls],
  "a reset within the body": [inTheBody("reset-after"), ...lost],
  "silence within the body": [inTheBody("stall-after"), ...inBody],
  "a body that trickles": [
    { options: overLink, apply: () => bed.fault("slow-body", { ms: 20 }) },
    "ERR_TIMEOUT",
    /waiting for the reply's body/,
  ],
  "a request that is never answered": [
    { options: overLink, apply: () => bed.fault("half-open") },
    "ERR_TIMEOUT",
    /it was waiting for the reply\. /,
  ],
  "an address that answers no SYN": [
    at(() => bed.link.blackHole),
    "ERR_TIMEOUT",
    /it was opening the TCP connection \(127\.0\.0\.1:\d+ no answer within \d+ ms\)/,
  ],
  "an address that answers no SYN, connectTimeoutMs": [
    at(() => bed.link.blackHole, { connectTimeoutMs: 300 }),
    "ERR_CONNECT_TIMEOUT",
    /not done within 300 ms; it was opening the TCP connection \(127\.0\.0\.1:\d+ no answer within (2|3)\d\d ms\)/,
  ],
  "a handshake that is never answered, connectTimeoutMs": [
    { options: () => ({ ...overLink(), connectTimeoutMs: 700 }), apply: () => bed.badLink("half-open") },
    "ERR_CONNECT_TIMEOUT",
    /not done within 700 ms; it was in the TLS handshake/,
  ],
  "a TLS alert": [impostor(ALERT), "ERR_TLS", /HandshakeFailure/],
  "a service that is not TLS": [impostor("SSH-2.0-OpenSSH_9.2p1\r\n"), "ERR_TLS", /does not speak TLS/],
  "a portal that answers TLS with HTTP": [
    impostor("HTTP/1.1 302 Found\r\nLocation: http://login.lan/\r\nContent-Length: 0\r\n\r\n"),
    "ERR_TLS",
    /does not speak TLS.*portal/,
  ],
  "a name that does not exist": [
    { options: () => ({ endpoint: "does-not-exist.invalid" }) },
    "ERR_DNS",
    /does-not-exist/,
  ],
  "a port where nothing listens": [
    at(() => bed.link.refusing),
    "ERR_CONNECT",
    /cannot connect to 127\.0\.0\.1:\d+: 127\.0\.0\.1:\d+ refused/,
  ],
};

const tunnelled = (more = {}) => ({ proxy: bed.proxy.url, ...more });
const proxy = (mode, params, options = tunnelled) => ({ options, apply: () => bed.badProxy(mode, params) });
const auth = (url) => ({ options: () => tunnelled(url()), apply: () => bed.configure({ proxyAuth: true }) });

Object.assign(faults, {
  "a proxy that wants a password": [auth(() => ({})), "ERR_PROXY_AUTH", /asks for a user name.*none were given.*Basic/],
  "a proxy that wants another password": [
    auth(() => ({ proxy: bed.proxyUrl("gateway", "canary-wrong-password") })),
    "ERR_PROXY_AUTH",
    /refused the user name and password \(HTTP 407\)/,
  ],
  "a proxy that wants NTLM": [
    proxy("status", { code: 407, authenticate: "NTLM" }),
    "ERR_PROXY_AUTH",
    /not Basic \(HTTP 407\); it takes NTLM/,
  ],
  "a proxy that forbids it": [
    proxy("status", { code: 403, reason: "Forbidden\u001b[1m" }),
    "ERR_PROXY",
    /did not connect to localhost:\d+: HTTP 403 "Forbidden\?/,
  ],
  "a proxy that cannot reach the endpoint": [proxy("status", { code: 502 }), "ERR_PROXY", /HTTP 502/],
  "a proxy that redirects": [proxy("status", { code: 302 }), "ERR_PROXY", /HTTP 302.*redirect/],
  "a proxy that is none": [proxy("garbage"), "ERR_PROXY", /is no HTTP/],
  "a proxy with a huge head": [proxy("huge-head", { bytes: 9000 }), "ERR_PROXY", /more than 8 KiB/],
  "a proxy that hangs up": [proxy("close"), "ERR_PROXY", /never came/],
  "a proxy that hangs up in its answer": [proxy("cut-head"), "ERR_PROXY", /broke off/],
  "a proxy that sends more than an answer": [proxy("early-bytes"), "ERR_PROXY", /goes on where TLS should begin/],
  "a proxy that is silent": [
    proxy("silence"),
    "ERR_TIMEOUT",
    /it was waiting for the answer of the proxy 127\.0\.0\.1:\d+/,
  ],
  "a proxy that is silent, connectTimeoutMs": [
    proxy("silence", {}, () => tunnelled({ connectTimeoutMs: 600 })),
    "ERR_CONNECT_TIMEOUT",
    /within 600 ms; it was waiting for the answer of the proxy/,
  ],
  "a proxy that trickles": [proxy("slow", { ms: 200 }), "ERR_TIMEOUT", /waiting for the answer of the proxy/],
  "a tunnel that ends at once": [
    proxy("dead-tunnel"),
    "ERR_CONNECTION_LOST",
    /localhost:\d+ through the proxy 127\.0\.0\.1:\d+ broke/,
  ],
  "a tunnel that is silent": [
    proxy("silent-tunnel"),
    "ERR_TIMEOUT",
    /in the TLS handshake through the proxy 127\.0\.0\.1:\d+/,
  ],
  "a proxy that does not run": [
    { options: () => ({ proxy: `http://${bed.link.refusing}` }) },
    "ERR_CONNECT",
    /cannot connect to the proxy 127\.0\.0\.1:\d+: 127\.0\.0\.1:\d+ refused/,
  ],
  "a proxy that answers no SYN": [
    { options: () => ({ proxy: `http://${bed.link.blackHole}` }) },
    "ERR_TIMEOUT",
    /opening the TCP connection to the proxy 127\.0\.0\.1:\d+ \(127\.0\.0\.1:\d+ no answer/,
  ],
});

/** Hints of transient trouble; what only a person can change is final. */
const FINAL = new Set(["a proxy that forbids it", "a proxy that redirects"]);

for (const [title, [{ options, apply }, code, message]] of Object.entries(faults)) {
  for (const [kind, open] of Object.entries(keys)) {
    test.serial(`${title}, ${kind}: ${code}`, async (t) => {
      await apply?.();
      const session = sessionFor(t, open({ timeoutMs: TIMEOUT_MS, ...options() }));
      const begun = performance.now();
      const error = await t.throwsAsync(session.credentials());
      const took = performance.now() - begun;
      t.true(code.split(" or ").includes(error.code), `${error.code}: ${error.message}`);
      t.is(error.name, "ConnectionError");
      t.regex(error.message, message);
      t.is(error.retryable, code !== "ERR_PROXY_AUTH" && !FINAL.has(title));
      t.true(error.hint?.length > 0);
      t.true(took <= TIMEOUT_MS + SLACK_MS, `took ${took} ms`);
      showsNone(t, error, secrets(), title);

      // What is wrong with the options stays wrong.
      if (apply === undefined) return;
      await bed.reset();
      stranger.say(undefined);
      await session.refresh({ force: true });
      t.regex((await session.credentials()).accessKeyId, /^ASIA/);
    });
  }
}

for (const [kind, open] of Object.entries(keys)) {
  test.serial(`a link that is only slow is no fault, ${kind}`, async (t) => {
    await bed.badLink("latency", { ms: 30 });
    t.regex((await sessionFor(t, open(overLink())).credentials()).accessKeyId, /^ASIA/);
  });

  test.serial(
    `through a proxy with a password: it resolves the name, the handshake is the endpoint's, ${kind}`,
    async (t) => {
      await bed.configure({ proxyAuth: true });
      const port = bed.iot.port;
      const options = { endpoint: `endpoint.invalid:${port}`, serverName: "localhost", proxy: bed.proxyUrl() };
      const session = sessionFor(t, open(options));
      t.regex((await session.credentials()).accessKeyId, /^ASIA/);
      await session.refresh({ force: true });
      const asked = await bed.log("proxy");
      t.is(asked.length, 1, "the tunnel is kept");
      t.like(asked[0], {
        target: `endpoint.invalid:${port}`,
        host: `endpoint.invalid:${port}`,
        authorization: "good",
        status: 200,
      });
      t.is((await bed.log("connection"))[0].sni, "localhost");
    },
  );
}

test.serial("a proxy that is only slow is no fault", async (t) => {
  await bed.badProxy("slow", { ms: 5 });
  t.regex((await sessionFor(t, bed.pem("ec256", tunnelled())).credentials()).accessKeyId, /^ASIA/);
});

test.serial("a wrong password for the proxy is not served by a session that has the right one", async (t) => {
  await bed.configure({ proxyAuth: true });
  await sessionFor(t, bed.pem("ec256", { proxy: bed.proxyUrl() })).credentials();
  const other = sessionFor(t, bed.pem("ec256", { proxy: bed.proxyUrl("gateway", "canary-wrong-password") }));
  await t.throwsAsync(other.credentials(), { code: "ERR_PROXY_AUTH" });
});

// ---------------------------------------------------------------------------------------------------- environment

const dead = "http://127.0.0.1:9";
/** The environment, the option, and whether the proxy is asked. `PROXY` stands for its URL, `PORT` for the endpoint's. */
const environments = [
  [{}, undefined, false],
  [{ HTTPS_PROXY: "PROXY" }, undefined, true],
  [{ https_proxy: "PROXY" }, undefined, true],
  [{ https_proxy: "PROXY", HTTPS_PROXY: dead }, undefined, true],
  [{ https_proxy: "", HTTPS_PROXY: "PROXY" }, undefined, true],
  [{ http_proxy: dead, HTTP_PROXY: dead, ALL_PROXY: dead }, undefined, false],
  [{ HTTPS_PROXY: dead }, false, false],
  [{ HTTPS_PROXY: dead }, "PROXY", true],
  [{ HTTPS_PROXY: "PROXY", NO_PROXY: "example.com" }, undefined, true],
  [{ HTTPS_PROXY: dead, NO_PROXY: "example.com, localhost" }, undefined, false],
  [{ HTTPS_PROXY: dead, NO_PROXY: ".localhost" }, undefined, false],
  [{ HTTPS_PROXY: dead, NO_PROXY: "*" }, undefined, false],
  [{ HTTPS_PROXY: dead, NO_PROXY: "localhost:PORT" }, undefined, false],
  [{ HTTPS_PROXY: "PROXY", NO_PROXY: "localhost:1" }, undefined, true],
  [{ HTTPS_PROXY: dead, no_proxy: "localhost", NO_PROXY: "example.com" }, undefined, false],
  [{ HTTPS_PROXY: "PROXY", no_proxy: "example.com", NO_PROXY: "localhost" }, undefined, true],
  [{ HTTPS_PROXY: dead, no_proxy: "", NO_PROXY: "localhost" }, undefined, false],
  [{ HTTPS_PROXY: "socks5://127.0.0.1:1", NO_PROXY: "localhost" }, undefined, false],
  // The option is for this endpoint, whatever the environment exempts.
  [{ NO_PROXY: "*" }, "PROXY", true],
];

for (const [environment, option, asked] of environments) {
  const title = `${JSON.stringify(environment)}, proxy: ${option}`;
  test.serial(`${title}: ${asked ? "through the proxy" : "directly"}`, async (t) => {
    const filled = (text) => text.replace("PROXY", bed.proxy.url).replace("PORT", bed.iot.port);
    const set = Object.entries(environment).map(([name, value]) => [name, filled(value)]);
    const options = option === "PROXY" ? { proxy: bed.proxy.url } : { proxy: option };
    const session = withEnvironment(set, () => sessionFor(t, bed.pem("ec256", options)));
    await session.credentials();
    t.is((await bed.log("proxy")).length, asked ? 1 : 0);
  });
}

test.serial("an address and a network can be exempt", async (t) => {
  for (const list of ["127.0.0.1", "127.0.0.0/8", `127.0.0.1:${bed.iot.port}`]) {
    const set = [
      ["HTTPS_PROXY", dead],
      ["NO_PROXY", list],
    ];
    const options = { endpoint: `127.0.0.1:${bed.iot.port}`, serverName: "localhost" };
    const session = withEnvironment(set, () => sessionFor(t, bed.pem("ec256", options)));
    await t.notThrowsAsync(session.credentials(), list);
  }
});

for (const url of ["socks5://u:canary-of-a-url@h:1", "https://u:canary-of-a-url@h:1", "http://u:canary-of-a-url@h:0"]) {
  test.serial(`${url.split(":")[0]}: refused at once, as an option and in the environment`, (t) => {
    const open = () => sessionFor(t, bed.pem("ec256", { proxy: url }));
    const given = t.throws(open, { code: "ERR_INVALID_OPTION" });
    const found = t.throws(() => withEnvironment([["HTTPS_PROXY", url]], () => sessionFor(t, bed.pem())), {
      code: "ERR_INVALID_OPTION",
    });
    t.regex(found.message, /environment variable HTTPS_PROXY/);
    for (const error of [given, found]) {
      t.is(error.param, "proxy");
      showsNone(t, error, ["canary-of-a-url"], url);
    }
  });
}

// --------------------------------------------------------------------------------------------------------- secrets

test.serial("the proxy's password is nowhere to be seen", async (t) => {
  await bed.configure({ proxyAuth: true });
  const logger = recorder();
  const session = sessionFor(t, bed.pem("ec256", { proxy: bed.proxyUrl(), logger }));
  const events = [];
  session.on("refreshError", (error) => events.push(error));
  await session.credentials();
  for (const [mode, params] of [
    ["status", { code: 403, reason: bed.proxy.password }],
    ["status", { code: 502, reason: Buffer.from(`gateway:${bed.proxy.password}`).toString("base64") }],
    ["status", { code: 407, authenticate: "Basic realm=x" }],
    ["garbage", {}],
  ]) {
    await bed.badProxy(mode, params);
    await bed.control("POST", "/connections/drop");
    const error = await t.throwsAsync(session.refresh({ force: true }));
    showsNone(t, error, secrets(), mode);
  }
  const things = { session, status: session.status(), provider: session.credentials, lines: logger.lines, events };
  for (const [name, thing] of Object.entries(things)) showsNone(t, thing, secrets(), name);
  t.true(logger.lines.length >= 4);
});

function secrets() {
  const { user, password } = bed.proxy;
  const wrong = "canary-wrong-password";
  const texts = [password, encodeURIComponent(password), wrong];
  const pairs = [`${user}:${password}`, `${user}:${wrong}`].map((pair) => Buffer.from(pair).toString("base64"));
  // The piece of the password that outlives every way of cleaning a text.
  return [...texts, ...pairs, "canary-passphrase", "passphrase"];
}

function withEnvironment(set, call) {
  for (const [name, value] of set) process.env[name] = value;
  try {
    return call();
  } finally {
    for (const [name] of set) delete process.env[name];
  }
}
