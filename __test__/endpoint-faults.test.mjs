// What the credentials endpoint, and the network before it, can do wrong: the error says what it was, no fetch takes
// longer than it may, the keys held stay, and the same session works again once the fault is gone.

import test from "ava";
import { ConnectionError, CredentialError, RefreshableSession, RequestError } from "../dist/index.mjs";
import { startTestbed } from "./support/testbed.mjs";

/** For rows in which waiting is the point. The others get the default of ten seconds and must not use it up. */
const SHORT_MS = 400;
/** A busy machine, and a testbed built for debugging. */
const SLACK_MS = 1000;
const PROMPT_MS = 2000;

const CLASSES = { connection: ConnectionError, credential: CredentialError, request: RequestError };

let tb;
test.before(async () => {
  tb = await startTestbed();
});
test.afterEach.always(() => tb.reset());
test.after.always(() => tb?.stop());

const RETRYABLE = true;
const FINAL = false;

const throttled = ["request", "ERR_THROTTLED", RETRYABLE, /too many requests/];
const unavailable = ["request", "ERR_SERVICE_UNAVAILABLE", RETRYABLE, /fault of its own/];
const unexpected = ["request", "ERR_UNEXPECTED_STATUS", FINAL, /not known here/];
const redirected = ["request", "ERR_UNEXPECTED_STATUS", FINAL, /redirect is never followed/];
const badReply = (named) => ["credential", "ERR_BAD_REPLY", RETRYABLE, named];
const expiredReply = ["credential", "ERR_EXPIRED_REPLY", RETRYABLE, /ended at/];
const tooLarge = ["credential", "ERR_REPLY_TOO_LARGE", RETRYABLE, /larger than \d+ bytes/];
const lost = ["connection", "ERR_CONNECTION_LOST", RETRYABLE, /broke/];
const hungUp = ["connection", "ERR_CERTIFICATE_REFUSED", RETRYABLE, /closed the connection right after/];
const protocol = ["connection", "ERR_PROTOCOL", RETRYABLE, /does not answer in HTTP/];
const noReply = ["connection", "ERR_TIMEOUT", RETRYABLE, /no answer within \d+ ms.*waiting for the reply/];

// Refusals: what is wrong at AWS, `break` doing it and `tb.reset()` undoing it.
const refusals = [
  [
    "a thing that is not attached to the certificate",
    () => tb.control("PUT", "/certificates/ec256", { things: [] }),
    [403, "ERR_THING_NOT_ATTACHED", /"gw-\w+" is not attached/, /attach-thing-principal/],
  ],
  [
    "a policy that does not allow the role alias",
    () => tb.control("PUT", "/aliases/gateway-role", { outcome: "denied" }),
    [403, "ERR_ACCESS_DENIED", /may not use the role alias "gateway-role"/, /iot:AssumeRoleWithCertificate/],
  ],
  [
    "a role alias that does not exist",
    () => tb.control("DELETE", "/aliases/gateway-role"),
    [404, "ERR_ROLE_ALIAS_NOT_FOUND", /no role alias "gateway-role"/, /roleAlias/],
  ],
  [
    "a role that cannot be assumed",
    () => tb.control("PUT", "/aliases/gateway-role", { outcome: "not-assumable" }),
    [400, "ERR_ROLE_NOT_ASSUMABLE", /cannot be assumed/, /credentials\.iot\.amazonaws\.com/],
  ],
  [
    "an alias that asks for a longer life than its role allows",
    () => tb.control("PUT", "/aliases/gateway-role", { outcome: "too-long" }),
    [400, "ERR_DURATION_TOO_LONG", /longer life/, /MaxSessionDuration/],
  ],
  [
    "a revoked certificate, refused by the answer",
    async () => {
      await tb.configure({ refuse: "http" });
      await tb.control("PUT", "/certificates/ec256", { status: "revoked" });
    },
    [403, "ERR_CERTIFICATE_NOT_ACCEPTED", /not known at this endpoint/, /ACTIVE/],
  ],
  [
    "an unregistered certificate, refused by the answer",
    async () => {
      await tb.configure({ refuse: "http" });
      await tb.control("PUT", "/certificates/ec256", { status: "unknown" });
    },
    [403, "ERR_CERTIFICATE_NOT_ACCEPTED", /not known at this endpoint/, /account and region/],
  ],
];

for (const [title, breakIt, [statusCode, code, message, hint]] of refusals) {
  test.serial(`${title}: ${code}`, async (t) => {
    await endures(t, { apply: breakIt, expected: ["request", code, FINAL, message], statusCode, hint });
  });
}

// Faults of the endpoint: mode and parameters as the testbed knows them, then class, code, retryable, message.
const faults = [
  ["status", { code: 429 }, throttled],
  ["status", { code: 429, retryAfter: 7 }, throttled],
  ["status", { code: 400, errorType: "ThrottlingException" }, throttled],
  ["status", { code: 500 }, unavailable],
  ["status", { code: 502, body: "Bad Gateway" }, unavailable],
  ["status", { code: 503, retryAfter: 30 }, unavailable],
  ["status", { code: 503, retryAfter: "Wed, 21 Oct 2015 07:28:00 GMT" }, unavailable],
  ["status", { code: 503, retryAfter: "soon" }, unavailable],
  ["status", { code: 504 }, unavailable],
  ["status", { code: 400, message: "Something new" }, unexpected],
  ["status", { code: 401 }, unexpected],
  ["status", { code: 418 }, unexpected],
  ["status", { code: 204, body: "" }, unexpected],
  ["html-body", { status: 503 }, unavailable],
  // A portal or proxy says 403 and 404 too; AWS' policies and aliases have nothing to do with it.
  ["html-body", { status: 403 }, unexpected],
  ["html-body", { status: 404 }, unexpected],
  ["empty-body", { status: 500 }, unavailable],
  ["redirect", { location: "/elsewhere" }, redirected],
  ["redirect", { location: "/elsewhere", status: 301 }, redirected],
  ["redirect", { location: "/elsewhere", status: 307 }, redirected],
  ["redirect", { location: "/elsewhere", status: 308 }, redirected],

  ["html-body", {}, badReply(/is HTML/)],
  ["empty-body", {}, badReply(/empty/)],
  ["truncated-json", {}, badReply(/JSON/)],
  ["duplicate-keys", {}, badReply(/stands twice/)],
  ["missing-field", { name: "credentials" }, badReply(/`credentials`/)],
  ["missing-field", { name: "accessKeyId" }, badReply(/`accessKeyId` is missing/)],
  ["missing-field", { name: "secretAccessKey" }, badReply(/`secretAccessKey` is missing/)],
  ["missing-field", { name: "sessionToken" }, badReply(/`sessionToken` is missing/)],
  ["missing-field", { name: "expiration" }, badReply(/`expiration` is missing/)],
  ["empty-field", { name: "credentials" }, badReply(/`credentials`/)],
  ["empty-field", { name: "accessKeyId" }, badReply(/`accessKeyId` is empty/)],
  ["empty-field", { name: "secretAccessKey" }, badReply(/`secretAccessKey` is empty/)],
  ["empty-field", { name: "sessionToken" }, badReply(/`sessionToken` is empty/)],
  ["empty-field", { name: "expiration" }, badReply(/`expiration` is empty/)],
  ["wrong-type-field", { name: "credentials" }, badReply(/`credentials`/)],
  ["wrong-type-field", { name: "accessKeyId" }, badReply(/`accessKeyId` is a number/)],
  ["wrong-type-field", { name: "secretAccessKey" }, badReply(/`secretAccessKey` is a number/)],
  ["wrong-type-field", { name: "sessionToken" }, badReply(/`sessionToken` is a number/)],
  ["wrong-type-field", { name: "expiration" }, badReply(/`expiration` is a number/)],
  ["bad-expiration", { value: "tomorrow" }, badReply(/`expiration`/)],
  ["bad-expiration", { value: "2099-13-01T00:00:00Z" }, badReply(/`expiration`/)],
  ["bad-expiration", { value: "2099-02-30T00:00:00Z" }, badReply(/`expiration`/)],
  ["bad-expiration", { value: "2099-01-01" }, badReply(/`expiration`/)],
  ["bad-expiration", { value: "2099-01-01T00:00:00" }, badReply(/`expiration`/)],
  ["bad-expiration", { value: "4070908800" }, badReply(/`expiration`/)],

  ["expired", {}, expiredReply],
  ["expired", { secondsAgo: 0 }, expiredReply],
  ["bad-expiration", { value: "1999-01-01T00:00:00Z" }, expiredReply],
  // Its own clock says that the keys are over.
  ["date-skew", { seconds: 7200 }, expiredReply],

  ["large-body", { bytes: 1 << 20 }, tooLarge],

  ["truncated-body", {}, lost],
  ["reset-at", { byte: 0 }, lost],
  ["reset-at", { byte: 1 }, lost],
  ["reset-at", { byte: 20 }, lost],
  ["reset-at", { byte: 200 }, lost],
  ["reset-at", { byte: 700 }, lost],
  ["not-http", {}, protocol],

  ["half-open", {}, noReply],
  ["slow-headers", { ms: SHORT_MS + 100 }, noReply],
  ["slow-body", { ms: SHORT_MS / 4 }, noReply],
];

for (const [mode, params, expected] of faults) {
  const given = Object.entries(params).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
  test.serial(`${[mode, ...given].join(", ")}: ${expected[1]}`, async (t) => {
    await endures(t, {
      apply: () => tb.fault(mode, params),
      expected,
      statusCode:
        mode === "redirect" ? (params.status ?? 302) : expected[0] === "request" && (params.code ?? params.status),
      options: expected === noReply ? { timeoutMs: SHORT_MS } : {},
      mode,
      pauseSeconds: pauseOf(params),
    });
  });
}

/** For how long a reply asks to be left alone: a second at least, and not at all by what is no time. */
function pauseOf({ retryAfter }) {
  if (retryAfter === undefined || retryAfter === "soon") return 0;
  return typeof retryAfter === "number" ? retryAfter : 1;
}

// In TLS 1.3 a client is done before the server has judged its certificate, so this is how a refusal looks; in 1.2
// the server has judged it before the handshake ended.
for (const polite of [true, false]) {
  for (const [version, expected] of [
    ["1.3", hungUp],
    ["1.2", lost],
  ]) {
    const how = polite ? "in order" : "without a word";
    test.serial(`a connection closed ${how} after a TLS ${version} handshake: ${expected[1]}`, async (t) => {
      const mode = "close-after-tls";
      const apply = async () => {
        await tb.configure({ versions: [version] });
        await tb.control("POST", "/connections/drop");
        await tb.fault(mode, { polite });
      };
      await endures(t, { apply, expected, mode });
    });
  }
}

const badPaths = [
  // The reset may overtake the end of connect().
  ["refuse-connection", {}, ["connection", ["ERR_CONNECTION_LOST", "ERR_CONNECT"], RETRYABLE, /broke|cannot connect/]],
  [
    "black-hole",
    { connectTimeoutMs: SHORT_MS },
    ["connection", "ERR_CONNECT_TIMEOUT", RETRYABLE, new RegExp(`within ${SHORT_MS} ms.*in the TLS handshake`)],
  ],
  [
    "black-hole",
    { timeoutMs: SHORT_MS },
    ["connection", "ERR_TIMEOUT", RETRYABLE, /no answer within \d+ ms.*in the TLS handshake/],
  ],
];

for (const [accept, options, expected] of badPaths) {
  test.serial(`${accept} with ${JSON.stringify(options)}: ${expected[1]}`, async (t) => {
    const apply = async () => {
      await tb.configure({ accept });
      await tb.control("POST", "/connections/drop");
    };
    await endures(t, { apply, expected, options });
  });
}

test.serial("a name that does not resolve: ERR_DNS", async (t) => {
  const session = open(t, { endpoint: "does-not-exist.invalid" });
  const error = await fails(
    t,
    () => session.credentials(),
    ["connection", "ERR_DNS", RETRYABLE, /does-not-exist\.invalid/],
    {
      // The resolver's own patience decides.
      within: 10_000 + SLACK_MS,
    },
  );
  t.is(error.statusCode, undefined);
});

test.serial("a timeout names the limit that was set, not what the fetch had left of it", async (t) => {
  await tb.fault("half-open");
  const error = await t.throwsAsync(open(t, { timeoutMs: SHORT_MS }).credentials(), { code: "ERR_TIMEOUT" });
  t.regex(error.message, new RegExp(`within ${SHORT_MS} ms`));
});

test.serial("a port where nothing listens: ERR_CONNECT", async (t) => {
  const session = open(t, { endpoint: tb.link.refusing });
  const named = new RegExp(tb.link.refusing.replaceAll(".", "\\."));
  await fails(t, () => session.credentials(), ["connection", "ERR_CONNECT", RETRYABLE, named]);
});

// A reply that is no use is still a reply: AWS support asks for its id.
for (const [mode, params, code] of [
  ["html-body", {}, "ERR_BAD_REPLY"],
  ["missing-field", { name: "sessionToken" }, "ERR_BAD_REPLY"],
  ["expired", {}, "ERR_EXPIRED_REPLY"],
  ["large-body", { bytes: 1 << 20 }, "ERR_REPLY_TOO_LARGE"],
]) {
  test.serial(`${code} of ${mode} names the reply: status and request id`, async (t) => {
    await tb.fault(mode, params);
    const error = await t.throwsAsync(open(t).credentials(), { code });
    const [request] = await tb.log("request");
    t.like(error, { statusCode: 200, requestId: request.requestId });
  });
}

/**
 * The fault strikes a session without keys and one with keys; both report it alike. The latter goes on serving what it
 * holds, and both work again afterwards; where the endpoint asked to be left alone, not before.
 */
async function endures(t, { apply, expected, statusCode, options = {}, hint, mode, pauseSeconds = 0 }) {
  const holding = open(t, options);
  const held = await holding.credentials();
  // The default, given: other settings, so another engine that behaves alike.
  const empty = open(t, { ...options, advisoryWindowSeconds: 900 });
  await tb.control("DELETE", "/log");
  await apply();

  for (const attempt of [() => empty.credentials(), () => holding.refresh({ force: true })]) {
    const error = await fails(t, attempt, expected, { within: (options.timeoutMs ?? PROMPT_MS) + SLACK_MS });
    if (hint !== undefined) t.regex(error.hint, hint);
    if (statusCode) {
      const { requestId } = (await tb.log("request")).at(-1);
      t.like(error, { statusCode, requestId });
    }
    if (mode !== undefined) t.is((await tb.log("request")).at(-1).fault, mode, "the fault was met");
  }
  t.deepEqual(await holding.credentials(), held, "keys held are served");

  await tb.reset();
  if (pauseSeconds > 0) {
    // A pause of a second may be over by now; that it ends is tested with the time it takes.
    if (pauseSeconds === 1) return;
    const force = { force: true };
    const calls = [empty.credentials, () => empty.refresh(), () => empty.refresh(force), () => holding.refresh(force)];
    for (const call of calls) await fails(t, call, expected);
    t.deepEqual(await holding.credentials(), held);
    t.deepEqual(await tb.log("request"), [], "nobody goes against the endpoint's own wish");
    return;
  }
  t.regex((await empty.credentials()).accessKeyId, /^ASIA/);
  await holding.refresh({ force: true });
  t.not((await holding.credentials()).accessKeyId, held.accessKeyId);
}

async function fails(t, attempt, [kind, code, retryable, message], { within = PROMPT_MS + SLACK_MS } = {}) {
  const started = performance.now();
  const error = await t.throwsAsync(attempt);
  const took = performance.now() - started;
  t.true(took < within, `took ${took} ms`);
  t.is(error.constructor, CLASSES[kind], `${error.code}: ${error.message}`);
  t.true([code].flat().includes(error.code), `${error.code}: ${error.message}`);
  t.is(error.retryable, retryable);
  t.false(error.tryNextLink);
  t.regex(error.message, message);
  t.true(typeof error.hint === "string" && error.message.endsWith(error.hint), error.message);
  return error;
}

function open(t, options = {}) {
  const session = new RefreshableSession(tb.pem("ec256", options));
  t.teardown(() => session.close());
  return session;
}
