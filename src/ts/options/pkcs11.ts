/** The option `pkcs11`: a private key in a token. */

import { isUint8Array } from "node:util/types";
import type { NativePkcs11Options } from "../binding";
import { ConfigurationError } from "../errors";
import type { Pkcs11Options, Pkcs11UriOptions } from "../types";
import {
  boolean,
  type Check,
  type Checks,
  checked,
  defined,
  hex,
  integer,
  invalid,
  required,
  sha256,
  text,
  textOrBytes,
} from "./check";
import { MAX_TIMEOUT_MS } from "./common";

/** Either kind of object; which fields go together is checked later. */
type Pkcs11Fields = Partial<Pkcs11Options & Pkcs11UriOptions>;
type UserPin = NonNullable<Pkcs11Options["userPin"]>;
type PinFunction = Exclude<UserPin, string | Uint8Array>;

const MAX_U32 = 0xffff_ffff;

const userPin: Check<UserPin> = (value, param) => {
  if (typeof value === "function") return value as PinFunction;
  if (typeof value === "string" || isUint8Array(value)) return value;
  throw invalid(param, value, "a string, a Uint8Array or a function");
};

const pkcs11Checks: Checks<Pkcs11Fields> = {
  uri: text,
  library: text,
  librarySha256: sha256,
  userPin,
  userPinEnv: text,
  forceLogin: boolean,
  slotId: integer(0, MAX_U32),
  tokenLabel: text,
  tokenSerial: text,
  privateKeyLabel: text,
  privateKeyId: hex,
  certificateLabel: text,
  certificateId: hex,
  signTimeoutMs: integer(1, MAX_TIMEOUT_MS),
};

export const pkcs11: Check<string | Pkcs11Options | Pkcs11UriOptions> = (value, param) => {
  if (typeof value === "string") return text(value, param);
  if (typeof value !== "object") throw invalid(param, value, "an object or a `pkcs11:` URI");
  return checked<Pkcs11Fields>(value, pkcs11Checks, `${param}.`) as Pkcs11Options | Pkcs11UriOptions;
};

/** Asks the user's function for the PIN, and keeps what it threw for the error's `cause`. */
export class PinCallback {
  #failure: { cause: unknown } | undefined;
  readonly #ask: () => unknown;
  readonly #check: Check<string | Uint8Array | null>;

  constructor(ask: () => unknown, check: Check<string | Uint8Array | null> = textOrBytes) {
    this.#ask = ask;
    this.#check = check;
  }

  /** The PIN; `null` if there is none, which only an environment variable may say. */
  async ask(): Promise<string | Uint8Array | null> {
    this.#failure = undefined;
    try {
      return this.#check(await this.#ask(), "pkcs11.userPin");
    } catch (cause) {
      this.#failure = { cause };
      throw cause;
    }
  }

  /** What it threw the last time it was asked. */
  get cause(): unknown {
    return this.#failure?.cause;
  }
}

/** Reads the PIN from the environment, as that is when the token is opened. */
const variableOf = (name: string): PinCallback =>
  new PinCallback(
    () => process.env[name] ?? null,
    (pin) => pin as string | null,
  );

/** What the native side takes, and what it asks for the PIN. */
export function parsePkcs11(given: Pkcs11Fields | string | undefined): {
  pkcs11: NativePkcs11Options | string | undefined;
  pin: PinCallback | undefined;
} {
  if (given === undefined || typeof given === "string") return { pkcs11: given, pin: undefined };
  const { userPin: secret, userPinEnv: variable, librarySha256: hash, ...fields } = given;
  if (secret !== undefined && variable !== undefined) {
    throw new ConfigurationError({
      code: "ERR_CONFLICTING_OPTIONS",
      message: "options `pkcs11.userPin` and `pkcs11.userPinEnv` exclude each other",
      param: "pkcs11.userPinEnv",
    });
  }
  const pkcs11 = defined<NativePkcs11Options>({
    ...fields,
    library: fields.uri === undefined ? required(fields.library, "pkcs11.library") : fields.library,
    userPinEnv: variable,
    librarySha256: hash === undefined ? undefined : Uint8Array.from(Buffer.from(hash, "hex")),
  } as NativePkcs11Options);
  if (variable !== undefined) return { pkcs11, pin: variableOf(variable) };
  if (typeof secret === "function") return { pkcs11, pin: new PinCallback(secret) };
  if (secret !== undefined) pkcs11.userPin = secret;
  return { pkcs11, pin: undefined };
}

/** The `pkcs11` option alone, for what asks a token and no endpoint. */
export function parsePkcs11Options(given: unknown): NativePkcs11Options | string {
  return parsePkcs11(pkcs11(given, "pkcs11")).pkcs11 as NativePkcs11Options | string;
}
