// Bad input: when to refresh, region, client cache, and callbacks in place of an endpoint.
//
// The tests are serial, so that "nothing was touched" can be asserted after them.

import test from "ava";
import { fromCustom, fromIot, RefreshableSession, refreshable } from "refresh-session";
import { kinds, wrongTypes } from "./support/bad-options.mjs";
import { bed, pem, secrets } from "./support/options-bed.mjs";
import { callbackEntrances, entrances, refuses } from "./support/refusals.mjs";
import { sessionFor } from "./support/sessions.mjs";
import { untouched } from "./support/untouched.mjs";

test.after.always(() => bed.stop());

/** Every way in takes it. Eager sessions are closed before they fetch; providers cannot be, and are not made eager. */
function takes(t, options, label) {
  for (const make of [pem, () => ({ method: "custom", customCredentials: () => t.fail("called") })]) {
    t.notThrows(() => sessionFor(t, { ...make(), ...options }).close(), label);
  }
}

// ------------------------------------------------------------------------------------------- common to all sources

const common = Object.entries(kinds).filter(([param]) =>
  /^(region|refresh|deferRefresh|refreshPolicy|.*WindowSeconds|startupJitterSeconds|timeoutMs|accountId|logger|onWarning)$/.test(
    param,
  ),
);

test.serial("sources that are callbacks refuse what the others refuse", (t) => {
  t.is(common.length, 11);
  for (const [param, kind] of common) {
    for (const value of wrongTypes[kind]) {
      refuses(t, { [param]: value }, { param }, `${param}: ${typeof value}`, secrets, callbackEntrances);
    }
  }
});

test.serial("an option of another source is refused", (t) => {
  const code = "ERR_UNKNOWN_OPTION";
  for (const param of ["endpoint", "roleAlias", "certificate", "pkcs11", "verifyPeer", "connectTimeoutMs"]) {
    refuses(t, { [param]: "x" }, { code, param }, param, [], callbackEntrances);
  }
  for (const param of ["customCredentials", "customCredentialsArgs"]) {
    refuses(t, pem({ [param]: () => {} }), { code, param }, param);
  }
  const withCache = { clientCache: false };
  for (const open of [entrances.fromIot, callbackEntrances.fromCustom, callbackEntrances.refreshable]) {
    t.throws(() => open({ ...(open === entrances.fromIot ? pem() : {}), ...withCache }), { code });
  }
});

test.serial("a callback must be one", (t) => {
  for (const value of wrongTypes.callback) {
    for (const [param, open] of [
      ["customCredentials", () => new RefreshableSession({ method: "custom", customCredentials: value })],
      ["customCredentials", () => fromCustom(value)],
      ["provider", () => refreshable(value)],
    ]) {
      t.like(t.throws(open), { name: "ValidationError", code: "ERR_INVALID_OPTION", param });
    }
  }
  const missing = t.throws(() => new RefreshableSession({ method: "custom" }));
  t.like(missing, { name: "ValidationError", code: "ERR_MISSING_OPTION", param: "customCredentials" });
});

test.serial("options of a callback that are no object are refused", (t) => {
  for (const options of [null, 0, true, "text", Symbol("x"), [], [{}], () => {}, new Uint8Array(1)]) {
    for (const open of [(given) => fromCustom(() => {}, given), (given) => refreshable(() => {}, given)]) {
      t.like(
        t.throws(() => open(options)),
        { name: "ValidationError", code: "ERR_INVALID_OPTION", param: "options" },
      );
    }
  }
});

// ---------------------------------------------------------------------------------------------------- when to refresh

test.serial("an unknown policy is answered with those there are", (t) => {
  refuses(
    t,
    pem({ refreshPolicy: "boto3" }),
    { param: "refreshPolicy", says: ['"boto3"', '"gateway", "aws", "botocore"'] },
    "boto3",
  );
  for (const refreshPolicy of ["gateway", "aws", "botocore", undefined]) takes(t, { refreshPolicy }, refreshPolicy);
});

test.serial("refresh and deferRefresh may agree, not contradict each other", (t) => {
  const name = "ConfigurationError";
  for (const [refresh, deferRefresh] of [
    ["eager", true],
    ["deferred", false],
  ]) {
    const wrong = {
      name,
      code: "ERR_CONFLICTING_OPTIONS",
      param: "deferRefresh",
      says: [`"${refresh}"`, "one of them"],
    };
    refuses(t, pem({ refresh, deferRefresh }), wrong, refresh);
    refuses(t, { deferRefresh, refresh }, wrong, refresh, [], callbackEntrances);
  }
  for (const [refresh, deferRefresh] of [
    ["eager", false],
    ["deferred", true],
    ["eager", undefined],
    [undefined, false],
    [undefined, true],
  ]) {
    takes(t, { refresh, deferRefresh }, `${refresh} ${deferRefresh}`);
  }
});

/** Policy, advisory window, the widest mandatory window that goes with them. */
const windows = [
  [undefined, undefined, 900],
  ["gateway", undefined, 900],
  ["botocore", undefined, 900],
  ["aws", undefined, 3600],
  ["gateway", 1000, 1000],
  ["aws", 100, 100],
  ["botocore", 1, 1],
  ["gateway", 43_200, 43_200],
];

for (const [refreshPolicy, advisoryWindowSeconds, widest] of windows) {
  const title = `${refreshPolicy} with an advisory window of ${advisoryWindowSeconds ?? "its own"}`;
  test.serial(`${title}: a mandatory one is at most as wide`, (t) => {
    const options = { refreshPolicy, advisoryWindowSeconds };
    takes(t, { ...options, mandatoryWindowSeconds: widest }, title);
    if (widest === 43_200) return;
    const mandatoryWindowSeconds = widest + 1;
    const wrong = {
      param: "mandatoryWindowSeconds",
      says: [`${mandatoryWindowSeconds}`, `${widest} s`, "advisoryWindowSeconds"],
    };
    refuses(t, pem({ ...options, mandatoryWindowSeconds }), wrong, title);
    refuses(t, { ...options, mandatoryWindowSeconds }, wrong, title, [], callbackEntrances);
  });
}

test.serial("startupJitterSeconds takes parts of a second up to a day", (t) => {
  for (const startupJitterSeconds of [0, -0, 1e-12, 0.5, 86_399.999, 86_400]) {
    takes(t, { startupJitterSeconds }, `${startupJitterSeconds}`);
  }
  for (const startupJitterSeconds of [-1, Number.NaN, 86_401]) {
    const error = t.throws(() => fromIot((({ method: _, ...rest }) => rest)(pem({ startupJitterSeconds }))));
    t.regex(error.message, /0 to 86400$/);
  }
});

// --------------------------------------------------------------------------------------------- region, client cache

test.serial("region takes names of regions, of whatever partition", (t) => {
  for (const region of ["eu-west-1", "us-gov-east-1", "cn-north-1", "us-isob-east-1", "x", "a".repeat(63)]) {
    takes(t, { region }, region);
  }
  const error = refuses(
    t,
    pem({ region: "eu-west-1.evil.com/" }),
    { param: "region", says: ['such as "eu-west-1"'] },
    "evil",
  );
  t.true(error.message.includes('"eu-west-1.evil.com/"'), error.message);
});

test.serial("a region that is long is not repeated in full", (t) => {
  const error = t.throws(() => new RefreshableSession(pem({ region: "x".repeat(1_000_000) })));
  t.true(error.message.length < 300, `${error.message.length}`);
});

const badCaches = [
  ...[null, true, 0, 10, "lru", [], ["lru"], () => {}, Symbol("x"), 10n].map((value) => [value, "clientCache"]),
  ...[null, 1, true, "", "LRU", "fifo", "lru ", {}, ["lru"]].map((policy) => [{ policy }, "clientCache.policy"]),
  ...[null, 0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 10_001, "10", true, 10n, {}].map((maxSize) => [
    { maxSize },
    "clientCache.maxSize",
  ]),
];

test.serial("clientCache takes false or an object with policy and size, and nothing else", (t) => {
  const ways = { "new RefreshableSession": entrances["new RefreshableSession"] };
  const custom = { "a callback": callbackEntrances["new RefreshableSession"] };
  for (const [clientCache, param] of badCaches) {
    refuses(t, pem({ clientCache }), { param }, `${param} ${typeof clientCache}`, [], ways);
    refuses(t, { clientCache }, { param }, `${param} ${typeof clientCache}`, [], custom);
  }
  const unknown = { code: "ERR_UNKNOWN_OPTION", param: "clientCache.max", says: ["clientCache.maxSize"] };
  refuses(t, pem({ clientCache: { max: 1 } }), { ...unknown, says: ["policy, maxSize"] }, "max", [], ways);
  for (const clientCache of [false, {}, { policy: "lfu" }, { maxSize: 1 }, { policy: "lru", maxSize: 10_000 }]) {
    takes(t, { clientCache }, JSON.stringify(clientCache));
  }
  takes(t, { clientCache: undefined }, "undefined");
  takes(t, { clientCache: { policy: undefined, maxSize: undefined } }, "undefined inside");
});

test.serial("a misspelled option of the session itself is answered with the right one", (t) => {
  for (const typo of ["clientcache", "clientCashe", "clientCaches"]) {
    for (const options of [pem(), { method: "custom", customCredentials: () => {} }]) {
      const error = t.throws(() => new RefreshableSession({ ...options, [typo]: false }));
      t.like(error, { code: "ERR_UNKNOWN_OPTION", param: typo, hint: "Did you mean `clientCache`?" });
    }
  }
  // A provider has neither.
  const { method: _, ...options } = pem();
  for (const name of ["clientCashe", "methot"]) {
    t.regex(t.throws(() => fromIot({ ...options, [name]: 1 })).hint, /^This takes: (?!.*(clientCache|method))/);
  }
});

// ---------------------------------------------------------------------------------------------------------- nothing

test.serial("none of all this touched the network or the token", (t) => untouched(t, bed));
