// What can be wrong with the options, in tables.

/** Stands for a PIN in the wrong place: no error may show it. */
export const CANARY_PIN = "canary-pin-of-this-test";

const nothing = [null];
const numbers = [0, 1, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY];
const others = [true, 10n, Symbol("canary"), () => {}];
const containers = [[], {}, ["x"], new Map(), new Date(0), new DataView(new ArrayBuffer(4)), new ArrayBuffer(4)];
const words = ["", "x", "10"];
const bytes = [new Uint8Array(0), new Uint8Array([1, 2]), Buffer.from("text")];

/** Values that are none of a kind. */
export const wrongTypes = {
  text: [...nothing, ...numbers, ...others, ...containers, ...bytes, "", "with\0NUL", new String("boxed")],
  material: [...nothing, ...numbers, ...others, ...containers, "", "with\0NUL", new Uint16Array(4)],
  secret: [...nothing, ...numbers, ...others, ...containers, new Uint16Array(4)],
  pin: [...nothing, ...numbers, true, 10n, Symbol("canary"), ...containers, new Uint16Array(4)],
  hex: [...nothing, ...numbers, ...others, ...containers, "", "0", "abc", "0g", "0x01", "01 02", ":", " 01", bytes[0]],
  boolean: [
    ...nothing,
    ...numbers,
    10n,
    Symbol("canary"),
    () => {},
    ...containers,
    "true",
    "false",
    "",
    new Boolean(1),
  ],
  integer: [
    ...nothing,
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    ...others,
    ...containers,
    ...words,
    "1e3",
    new Number(9),
  ],
  token: [...nothing, ...numbers, ...others, [], ["x"], ...bytes, ""],
  callback: [...nothing, ...numbers, true, 10n, Symbol("canary"), ...containers, "console.log"],
  logger: [...nothing, ...numbers, ...others, [], {}, "console", { debug() {}, info() {}, warn() {} }],
};

/** Every option with the kind of value it takes. */
export const kinds = {
  endpoint: "text",
  roleAlias: "text",
  thingName: "text",
  serverName: "text",
  certificate: "material",
  privateKey: "material",
  ca: "material",
  privateKeyPassphrase: "secret",
  pkcs11: "token",
  verifyPeer: "boolean",
  durationSeconds: "integer",
  timeoutMs: "integer",
  connectTimeoutMs: "integer",
  advisoryWindowSeconds: "integer",
  logger: "logger",
  onWarning: "callback",
  "pkcs11.library": "text",
  "pkcs11.userPin": "pin",
  "pkcs11.slotId": "integer",
  "pkcs11.tokenLabel": "text",
  "pkcs11.tokenSerial": "text",
  "pkcs11.privateKeyLabel": "text",
  "pkcs11.privateKeyId": "hex",
  "pkcs11.certificateLabel": "text",
  "pkcs11.certificateId": "hex",
  "pkcs11.signTimeoutMs": "integer",
};

/** Options that are numbers, with the least and the most they take. */
export const ranges = [
  ["timeoutMs", 1, 600_000],
  ["connectTimeoutMs", 1, 600_000],
  ["advisoryWindowSeconds", 1, 43_200],
  ["durationSeconds", 900, 43_200],
  ["pkcs11.slotId", 0, 0xffff_ffff],
  ["pkcs11.signTimeoutMs", 1, 600_000],
];

/** Options that are names in AWS: with every mark that is allowed, and with some that are not. */
export const names = [
  ["roleAlias", "A_1=,@-", ["a b", "a/b", "a%20b", "rôle", "a\r\nX: y", "a:b", "a.b", "../a", "a?b", "a#b", "a\tb"]],
  ["thingName", "A:1_-", ["a b", "a/b", "ting=1", "þing", "a\r\nX: y", "a@b", "a,b", "a.b", "a\u007f", "a\u2028b"]],
];

/** Misspelled options with the right ones. */
export const typos = {
  rolealias: "roleAlias",
  roleAlais: "roleAlias",
  endPoint: "endpoint",
  certficate: "certificate",
  priavteKey: "privateKey",
  verifyPeers: "verifyPeer",
  verify_peer: "verifyPeer",
  thing_name: "thingName",
  timeoutMS: "timeoutMs",
  onwarning: "onWarning",
  "pkcs11.userpin": "userPin",
  "pkcs11.userPIN": "userPin",
  "pkcs11.slotID": "slotId",
  "pkcs11.tokenLable": "tokenLabel",
  "pkcs11.librarry": "library",
};

export const goodEndpoints = [
  "localhost",
  "LOCALHOST:1",
  "localhost:65535",
  "127.0.0.1:8443",
  "[::1]:8443",
  "gw_1.lan",
  `${"a".repeat(63)}.b`,
  `${"a.".repeat(126)}b`,
  "vpce-1-x.iot.internal:443",
  "abc123.credentials.iot.eu-west-1.amazonaws.com",
];
export const badEndpoints = [
  " ",
  "https://localhost",
  "mqtts://localhost:8883",
  "//localhost",
  "localhost/",
  "localhost/path",
  "localhost?x=1",
  "localhost#x",
  "localhost:",
  "localhost:0",
  "localhost:65536",
  "localhost:99999999999999999999",
  "localhost:-1",
  "localhost:+1",
  "localhost:1.5",
  "localhost:0x1bb",
  "localhost: 443",
  "localhost:443:1",
  "localhost:https",
  ":443",
  "::1",
  "[::1",
  "[::1]443",
  "[]",
  "user@localhost",
  "user:password@localhost",
  " localhost",
  "localhost ",
  "local host",
  "localhost\r\nX-Evil: 1",
  "localhost\n",
  "local\thost",
  "a..b",
  ".localhost",
  "-a.b",
  "a-.b",
  "*.example.com",
  "hôst",
  "999.1.1.1",
  "1.2.3",
  `${"a".repeat(64)}.b`,
  `${"a.".repeat(127)}b`,
  "localhost,other",
  "%6c%6f",
];

/** Contents that hold neither a certificate nor a key. */
export const junk = {
  "junk in bytes": Buffer.from("neither PEM nor DER"),
  "bytes that are zero": new Uint8Array(100),
  "PEM of another kind": "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQ==\n-----END PUBLIC KEY-----\n",
  "PEM that is no base64": "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
  "PEM that is no DER": "-----BEGIN CERTIFICATE-----\nY2FuYXJ5\n-----END CERTIFICATE-----\n",
  "a boundary alone": "-----BEGIN CERTIFICATE-----",
  "an empty block": "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
};

/** A module that is not there: nobody may look for it. */
export const module = "module-path=/nonexistent/module.so";
/** RFC 7512, each row wrong in one way, with a part of what is said about it. */
export const badUris = [
  ["token=gw", "starts with `pkcs11:`"],
  ["pkcs12:token=gw", "starts with `pkcs11:`"],
  [" pkcs11:token=gw", "starts with `pkcs11:`"],
  ["pkcs11", "starts with `pkcs11:`"],
  ["/usr/lib/softhsm/libsofthsm2.so", "starts with `pkcs11:`"],
  [`pkcs11:gw?${module}`, "without `=`"],
  [`pkcs11:token=gw;?${module}`, "without `=`"],
  [`pkcs11:;token=gw?${module}`, "without `=`"],
  [`pkcs11:token=gw;;object=k?${module}`, "without `=`"],
  [`pkcs11:token=gw?${module}&`, "without `=`"],
  [`pkcs11:tokn=gw?${module}`, "unknown attribute `tokn`"],
  [`pkcs11:Token=gw?${module}`, "unknown attribute"],
  [`pkcs11:=gw?${module}`, "unknown attribute"],
  [`pkcs11:x-vendor=gw?${module}`, "unknown attribute"],
  [`pkcs11:token=a;token=a?${module}`, "`token` twice"],
  [`pkcs11:id=%01;id=%02?${module}`, "`id` twice"],
  [`pkcs11:slot-id=1;slot-id=1?${module}`, "`slot-id` twice"],
  [`pkcs11:token=a%4?${module}`, "two hexadecimal"],
  [`pkcs11:token=a%?${module}`, "two hexadecimal"],
  [`pkcs11:token=a%zz?${module}`, "two hexadecimal"],
  [`pkcs11:token=my gw?${module}`, "percent-encoded"],
  [`pkcs11:token=gw\r\n?${module}`, "percent-encoded"],
  [`pkcs11:token=gẅ?${module}`, "percent-encoded"],
  [`pkcs11:token=%ff?${module}`, "not UTF-8"],
  [`pkcs11:slot-id=one?${module}`, "decimal number"],
  [`pkcs11:slot-id=+1?${module}`, "decimal number"],
  [`pkcs11:slot-id=-1?${module}`, "decimal number"],
  [`pkcs11:slot-id=0x1?${module}`, "decimal number"],
  [`pkcs11:slot-id=?${module}`, "decimal number"],
  [`pkcs11:slot-id=99999999999999999999?${module}`, "decimal number"],
  [`pkcs11:type=public?${module}`, "`type` other than"],
  [`pkcs11:pin-value=${CANARY_PIN}?${module}`, "after a `?`"],
  [`pkcs11:pin-source=/etc/pin?${module}`, "after a `?`"],
  [`pkcs11:${module};token=gw`, "after a `?`"],
  ["pkcs11:token=gw?module-name=softhsm2", "`module-path`"],
  ["pkcs11:token=gw", "without `module-path`"],
  [`pkcs11:token=gw?${module}&${module}`, "`module-path` twice"],
  [`pkcs11:?${module}&pin-value=${CANARY_PIN}&pin-value=${CANARY_PIN}`, "`pin-value` twice"],
  [`pkcs11:?${module}&pin-value=${CANARY_PIN}&pin-source=/etc/pin`, "both `pin-value` and `pin-source`"],
  [`pkcs11:?${module}&pin-value=${CANARY_PIN}%`, "two hexadecimal"],
  [`pkcs11:?${module}&pin-value=${CANARY_PIN} `, "percent-encoded"],
  [`pkcs11:?${module}&pin-source=pin.txt`, "absolute path"],
  [`pkcs11:?${module}&pin-source=%7Ccat%20/etc/pin`, "absolute path"],
  [`pkcs11:?${module}&pin-source=`, "absolute path"],
];
