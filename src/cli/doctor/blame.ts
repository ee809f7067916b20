/** Which step an error belongs to. Its code says it; where that is common to several phases, its message does. */

import type { StepName } from "./report";

/** The beginning of a code, the longest that fits first. */
const BY_CODE: readonly (readonly [string, StepName])[] = [
  ["ERR_FILE_UNREADABLE", "files"],
  ["ERR_BAD_CERTIFICATE", "files"],
  ["ERR_BAD_PRIVATE_KEY", "files"],
  ["ERR_PASSPHRASE", "files"],
  ["ERR_UNSUPPORTED_KEY", "files"],
  ["ERR_BAD_CA", "files"],
  ["ERR_KEY_MISMATCH", "key-match"],
  ["ERR_PKCS11_MODULE", "module"],
  ["ERR_PKCS11_INITIALIZE", "module"],
  ["ERR_PKCS11_PIN_", "pin"],
  ["ERR_PKCS11_KEY_MISMATCH", "key-match"],
  ["ERR_PKCS11_MECHANISM", "key-match"],
  ["ERR_PKCS11_KEY_", "key"],
  ["ERR_PKCS11_CERTIFICATE_", "key"],
  ["ERR_PKCS11_", "token"],
  ["ERR_DNS", "dns"],
  ["ERR_PROXY", "proxy"],
  ["ERR_CONNECT", "tcp"],
  ["ERR_TLS", "tls"],
  ["ERR_NO_COMMON_SCHEME", "tls"],
  ["ERR_SERVER_CERTIFICATE", "server-certificate"],
  ["ERR_CERTIFICATE_", "acceptance"],
];

/** What a timeout was waiting for. The phases' names are those of docs/iot.md. */
const BY_PHASE: readonly (readonly [RegExp, StepName])[] = [
  [/looking up the name/, "dns"],
  [/opening the TCP connection/, "tcp"],
  [/waiting for the answer of/, "proxy"],
  [/in the TLS handshake/, "tls"],
  [/opening the token|the token's signature/, "token"],
  [/waiting for the reply/, "answer"],
  [/trust store/, "files"],
];

/** What an error is known by. */
interface Known {
  code: string;
  message: string;
  param?: string | undefined;
}

/** The step of an error of the constructor. */
export function ofOptions({ code }: Known): StepName {
  return byCode(code) ?? "options";
}

/** The step of an error of a fetch, or of a look at a token. */
export function ofFetch({ code, message, param = "" }: Known): StepName {
  if (/^ERR_(CONNECT_)?TIMEOUT$/.test(code)) {
    return BY_PHASE.find(([words]) => words.test(message))?.[1] ?? "answer";
  }
  // A file that is read when the token is opened holds the PIN; a path that is no file is the module's.
  if (param.startsWith("pkcs11") && code === "ERR_FILE_UNREADABLE") return "pin";
  if (param === "pkcs11.library") return "module";
  return byCode(code) ?? "answer";
}

function byCode(code: string): StepName | undefined {
  const fitting = BY_CODE.filter(([start]) => code.startsWith(start));
  return fitting.sort(([a], [b]) => b.length - a.length)[0]?.[1];
}
