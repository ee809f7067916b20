// Bad input of the methods that assume roles: whatever is wrong is said at once, by name, before anybody is asked.

import { inspect } from "node:util";
import test from "ava";
import { methods, parameters, providerIds, waysOf, wrongFor } from "./support/bad-role-options.mjs";
import { refuses, whilePolluted, withOption } from "./support/refusals.mjs";
import "./support/sts-bed.mjs";

// Nothing here may reach for the machine's proxy, nor for its region.
for (const name of ["https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY"]) delete process.env[name];

const labelled = (value) => `${typeof value} ${inspect(value)}`.slice(0, 100);
const listed = (text) => /takes: (.*)\.$/.exec(text)[1].split(", ");

/** Refused in both ways in alike; a fault inside a list may be told with its place. */
function refusedAs(t, method, param, options, label) {
  const ways = waysOf(method);
  for (const [way, open] of Object.entries(ways)) {
    const error = t.throws(() => open(options), undefined, `${way}: ${param} ${label}`);
    if (error === undefined) continue;
    t.true(
      ["ERR_INVALID_OPTION", "ERR_MISSING_OPTION", "ERR_UNKNOWN_OPTION"].includes(error.code),
      `${label} ${error}`,
    );
    t.is(error.name, "ValidationError", `${label} ${error}`);
    t.true(
      error.param === param || error.param?.startsWith(`${param}[`) || error.param?.startsWith(`${param}.`),
      `${label} ${error.param} ${error}`,
    );
    t.false(error.retryable || error.tryNextLink);
    t.true(
      error.message.length < 1000 && !error.message.includes("\n") && !error.message.includes("[object"),
      error.message,
    );
  }
}

for (const [method, { kinds, good, beside }] of Object.entries(methods)) {
  for (const [param, kind] of Object.entries(kinds)) {
    test(`${method}: ${param} refuses what is no ${kind}`, (t) => {
      for (const value of wrongFor(kind)) {
        refusedAs(t, method, param, withOption(beside(param), param, value), labelled(value));
      }
    });
  }

  test(`${method}: good options are taken, frozen ones too, and undefined counts as left out`, (t) => {
    for (const open of Object.values(waysOf(method))) {
      t.notThrows(() => open(Object.freeze(good())));
      for (const param of Object.keys(kinds)) {
        if (["assumeRole", "assumeRole.RoleArn", "webIdentityToken", "webIdentityTokenFile"].includes(param)) continue;
        // They need others beside them.
        if (param === "sourceCredentials" || param.startsWith("mfaCommandOptions.")) continue;
        t.notThrows(() => open(withOption(good(), param, undefined)), param);
      }
    }
  });

  test(`${method}: the table leaves out no option`, (t) => {
    const unknown = (options) => {
      const errors = Object.values(waysOf(method)).map((open) => t.throws(() => open(options)));
      for (const error of errors) t.is(error.code, "ERR_UNKNOWN_OPTION");
      return errors.at(-1);
    };
    const common = listed(unknownOf("container", t).hint).filter((name) => !(name in methods.container.kinds));
    const own = listed(unknown({ ...good(), zzzzzzzzzzzz: 1 }).hint).filter((name) => !common.includes(name));
    t.deepEqual(
      own.sort(),
      Object.keys(kinds)
        .filter((name) => !name.includes("."))
        .sort(),
    );
    for (const outer of ["assumeRole", "stsClientConfig", "mfaCommandOptions"].filter((name) => name in kinds)) {
      const { hint, param } = unknown(withOption(beside(outer), `${outer}.zzzzzzzzzzzz`, 1));
      t.is(param, `${outer}.zzzzzzzzzzzz`);
      const inner = Object.keys(kinds).filter((name) => name.startsWith(`${outer}.`));
      t.deepEqual(
        listed(hint)
          .map((name) => `${outer}.${name.replace(`${outer}.`, "")}`)
          .sort(),
        inner.sort(),
      );
    }
  });

  test(`${method}: what is on Object.prototype has no effect`, (t) => {
    for (const open of Object.values(waysOf(method))) {
      for (const param of Object.keys(kinds)) {
        const name = param.split(".").at(-1);
        const options = good();
        if (name in options || name in (options.assumeRole ?? {})) continue;
        t.notThrows(() => whilePolluted({ [name]: 1 }, () => open(options)), param);
      }
    }
  });
}

function unknownOf(method, t) {
  return t.throws(() => methods[method].from({ ...methods[method].good(), zzzzzzzzzzzz: 1 }));
}

const shared = ["RoleArn", "RoleSessionName", "PolicyArns", "Policy", "DurationSeconds"];
const cases = [
  ...Object.entries(parameters).map(([name, values]) => ["sts", name, values]),
  ...shared.map((name) => ["webIdentity", name, parameters[name]]),
  ["webIdentity", "ProviderId", providerIds],
];
for (const [method, name, [taken, refused]] of cases) {
  test(`${method}: assumeRole.${name} takes what AWS takes`, (t) => {
    const param = `assumeRole.${name}`;
    for (const value of taken) {
      for (const open of Object.values(waysOf(method))) {
        t.notThrows(() => open(withOption(methods[method].good(), param, value)), labelled(value));
      }
    }
    for (const value of refused)
      refusedAs(t, method, param, withOption(methods[method].good(), param, value), labelled(value));
  });
}

test("what must be given and is missing is named", (t) => {
  const code = "ERR_MISSING_OPTION";
  for (const method of ["sts", "webIdentity"]) {
    for (const param of ["assumeRole", "assumeRole.RoleArn"]) {
      refuses(t, withOption(methods[method].good(), param, undefined), { code, param }, param, [], waysOf(method));
    }
  }
});

test("a misspelled parameter is answered with the right one", (t) => {
  const code = "ERR_UNKNOWN_OPTION";
  for (const [typo, right] of Object.entries({
    roleArn: "RoleArn",
    ExternalID: "ExternalId",
    SerialNumer: "SerialNumber",
  })) {
    const param = `assumeRole.${typo}`;
    const says = `Did you mean \`assumeRole.${right}\`?`;
    refuses(
      t,
      withOption(methods.sts.good(), param, "canary-value"),
      { code, param, says },
      typo,
      ["canary-value"],
      waysOf("sts"),
    );
  }
});

test("an endpoint, CA or proxy of STS that is none is named in full", (t) => {
  for (const [name, values] of [
    [
      "endpoint",
      [
        "localhost",
        "ftp://localhost/",
        "http://",
        "https://user:canary@localhost/",
        "http://a b/",
        "https://localhost:99999",
      ],
    ],
    ["ca", ["/nonexistent/ca.pem", "-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----"]],
    ["proxy", ["http://", "ftp://localhost", "socks5://localhost"]],
  ]) {
    for (const method of ["sts", "webIdentity"]) {
      for (const value of values) {
        for (const open of Object.values(waysOf(method))) {
          const error = t.throws(
            () => open(withOption(methods[method].good(), `stsClientConfig.${name}`, value)),
            undefined,
            value,
          );
          if (error !== undefined) t.is(error.param, `stsClientConfig.${name}`, `${value}: ${error}`);
          t.false(error?.message.includes("canary"), error?.message);
        }
      }
    }
  }
});
