// What can be wrong with the options of the three methods that go without a device: every option with its kind, and
// the values of AWS's parameters that AWS would refuse.

import { fromAssumeRole, fromContainer, fromWebIdentity, RefreshableSession } from "refresh-session";
import { wrongTypes } from "./bad-options.mjs";

const { text, boolean, integer, material, region, proxy, callback } = wrongTypes;
const scalars = [null, 0, 1.5, true, 10n, Symbol("canary"), "", "x", new Uint8Array(2)];
const noFunction = text.filter((value) => typeof value !== "function");

/** Values that are none of a kind; `undefined` is as good as left out. */
const wrong = {
  text,
  boolean,
  integer,
  material,
  region,
  proxy,
  object: [...scalars, [], ["x"], () => {}],
  list: [...scalars, {}, new Set(["x"]), { length: 1, 0: "x" }, () => {}],
  texts: [...scalars, {}, [null], [1], [""], [["x"]], [undefined]],
  credentials: [null, 0, true, 10n, Symbol("canary"), "", "AKIA", [], ["x"], {}, { accessKeyId: "A" }],
  mfa: [...noFunction.filter((value) => !Array.isArray(value)), [], [""], [1], [null]],
  token: noFunction,
  bytes: callback.filter((value) => typeof value !== "string"),
  environment: [...scalars, [], () => {}, { A: 1 }, { A: null }],
};

const assumeRole = {
  RoleArn: "text",
  RoleSessionName: "text",
  PolicyArns: "list",
  Policy: "text",
  DurationSeconds: "integer",
};
const stsClientConfig = {
  region: "region",
  endpoint: "text",
  useFipsEndpoint: "boolean",
  useDualstackEndpoint: "boolean",
  ca: "material",
  proxy: "proxy",
};
const under = (prefix, kinds) =>
  Object.fromEntries(Object.entries(kinds).map(([name, kind]) => [`${prefix}.${name}`, kind]));

const role = { RoleArn: "arn:aws:iam::123456789012:role/Gateway", RoleSessionName: "gw-0042" };
const SerialNumber = "arn:aws:iam::123456789012:mfa/me";
const uncalled = async () => {
  throw new Error("a callback was called");
};

/** Of each method: ways in, good options, and the kind of each of its own. */
export const methods = {
  sts: {
    from: fromAssumeRole,
    good: () => ({ region: "eu-west-1", sourceCredentials: uncalled, assumeRole: { ...role } }),
    kinds: {
      assumeRole: "object",
      ...under("assumeRole", {
        ...assumeRole,
        ExternalId: "text",
        SerialNumber: "text",
        TokenCode: "text",
        Tags: "list",
        TransitiveTagKeys: "texts",
        SourceIdentity: "text",
        ProvidedContexts: "list",
      }),
      stsClientConfig: "object",
      ...under("stsClientConfig", stsClientConfig),
      sourceCredentials: "credentials",
      profile: "text",
      mfaTokenProvider: "mfa",
      mfaCommandOptions: "object",
      ...under("mfaCommandOptions", { cwd: "text", env: "environment", input: "bytes", timeoutMs: "integer" }),
    },
    /** What an option needs beside it. */
    beside: (param) => {
      const own = methods.sts.good();
      if (param === "profile") return { ...own, sourceCredentials: undefined };
      if (!param.startsWith("mfa")) return own;
      return { ...own, assumeRole: { ...role, SerialNumber }, mfaTokenProvider: "oathtool" };
    },
  },
  webIdentity: {
    from: fromWebIdentity,
    good: () => ({ region: "eu-west-1", webIdentityToken: "canary.token", assumeRole: { ...role } }),
    kinds: {
      assumeRole: "object",
      ...under("assumeRole", { ...assumeRole, ProviderId: "text" }),
      stsClientConfig: "object",
      ...under("stsClientConfig", stsClientConfig),
      webIdentityToken: "token",
      webIdentityTokenFile: "text",
    },
    beside: (param) => ({
      ...methods.webIdentity.good(),
      ...(param === "webIdentityTokenFile" && { webIdentityToken: undefined }),
    }),
  },
  container: {
    from: fromContainer,
    good: () => ({ region: "eu-west-1", fullUri: "http://127.0.0.1:1/" }),
    kinds: { relativeUri: "text", fullUri: "text", authorizationToken: "text", authorizationTokenFile: "text" },
    beside: (param) => ({ region: "eu-west-1", ...(param === "relativeUri" || { fullUri: "http://127.0.0.1:1/" }) }),
  },
};

/** Both ways in; both must answer alike. */
export const waysOf = (method) => ({
  "new RefreshableSession": (options) => new RefreshableSession({ method, ...options }),
  [methods[method].from.name]: (options) => methods[method].from(options),
});

export const wrongFor = (kind) => wrong[kind];

const x = (count) => "x".repeat(count);
const arn = "arn:aws:iam::aws:policy/ReadOnlyAccess";
const context = { ProviderArn: "arn:aws:iam::aws:contextProvider/IdentityCenter", ContextAssertion: "a.b.c" };

/** Parameters of AWS with values that it takes, and with some that it does not. */
export const parameters = {
  RoleArn: [
    ["arn:aws:iam::123456789012:role/a", "arn:aws-cn:iam::123456789012:role/p/q/Gw+=,.@-_"],
    [
      "x",
      "role",
      "arn:aws:iam::123456789012:user/a",
      "arn:aws:iam::123456789012:role/a b",
      `${role.RoleArn}\n`,
      x(2049),
    ],
  ],
  RoleSessionName: [
    ["gw", "gw_0042+=,.@-", x(64)],
    ["g", x(65), "a b", "a:b", "a/b", "a\nb", "ä-name"],
  ],
  PolicyArns: [
    [[], [{ arn }], Array(10).fill({ arn })],
    [Array(11).fill({ arn }), [{ arn: "x" }], [{}], ["x"], [{ arn, a: 1 }]],
  ],
  Policy: [
    ['{"Statement":[]}', ` {"a":"${x(100)}"}`],
    ["x", "{", "[]", "null", `{"a":"${x(2048)}"}`, '{"a":"\u0100"}'],
  ],
  DurationSeconds: [
    [900, 3600, 43_200],
    [0, 1, -900, 899, 43_201, 86_400, 86_401, 900.5, "900", 2 ** 40],
  ],
  ExternalId: [
    ["ab", "gw-0042:/=@partner", x(1224)],
    ["a", x(1225), "a b", "a\nb", "é-id"],
  ],
  Tags: [
    [[], [{ Key: "a", Value: "" }], [{ Key: "Ö 1", Value: "x@y" }]],
    [
      [{ Key: "a" }],
      [{ Value: "a" }],
      [{ Key: "", Value: "" }],
      [{ Key: x(129), Value: "" }],
      [{ Key: "a", Value: x(257) }],
      [{ Key: "a", Value: 1 }],
      [{ Key: "a", Value: "b;c" }],
      [
        { Key: "a", Value: "" },
        { Key: "A", Value: "" },
      ],
      [{ key: "a", value: "b" }],
      ["a"],
      [null],
      Array.from({ length: 51 }, (_, i) => ({ Key: `k${i}`, Value: "" })),
    ],
  ],
  TransitiveTagKeys: [
    [[], ["a"]],
    [[""], [x(129)], [1], Array.from({ length: 51 }, (_, i) => `k${i}`)],
  ],
  SourceIdentity: [
    ["me", x(64)],
    ["a", x(65), "aws:me", "a b"],
  ],
  ProvidedContexts: [
    [[], [context]],
    [
      [{}],
      [{ ...context, ContextAssertion: "abc" }],
      [{ ...context, ProviderArn: "x" }],
      Array(6).fill(context),
      ["x"],
    ],
  ],
};
/** Of web identity alone. */
export const providerIds = [
  ["www.amazon.com", "graph.facebook.com"],
  ["abc", x(2049), "a b"],
];
