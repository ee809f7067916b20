/**
 * The error classes. Which one, with which code, is decided in Rust (`crates/core/src/error/code.rs`); here they only
 * become JavaScript.
 */

/** What an error is made of. */
export interface RefreshErrorInit {
  code: string;
  message: string;
  retryable?: boolean | undefined;
  hint?: string | undefined;
  param?: string | undefined;
  statusCode?: number | undefined;
  requestId?: string | undefined;
  awsErrorType?: string | undefined;
  reasonCode?: number | undefined;
  cause?: unknown;
}

/** The base of every error of this package; itself only for a defect of ours. */
export class RefreshError extends Error {
  /** Stable, such as `ERR_CLOSED`; listed in docs/errors.md. */
  readonly code: string;
  /** Whether the same call may succeed later by itself. */
  readonly retryable: boolean;
  /** What to do next. It is also the end of `message`. */
  declare readonly hint?: string;
  /** The option at fault, such as `pkcs11.userPin`. */
  declare readonly param?: string;
  /** HTTP status of the reply. */
  declare readonly statusCode?: number;
  /** The reply's `x-amzn-RequestId`. */
  declare readonly requestId?: string;
  /** The reply's `x-amzn-ErrorType`. */
  declare readonly awsErrorType?: string;
  /** Always `false`: an SDK provider chain must not fall through to another identity. */
  readonly tryNextLink: false = false;

  constructor(init: RefreshErrorInit) {
    const { code, message, retryable = false, cause, ...rest } = init;
    super(rest.hint === undefined ? message : `${message}. ${rest.hint}`, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryable = retryable;
    for (const [name, value] of Object.entries(rest)) {
      if (value !== undefined) Object.defineProperty(this, name, { value, enumerable: true });
    }
  }
}

/** An option has a wrong type or value, or does not exist. */
export class ValidationError extends RefreshError {}
/** Options or files that do not fit together. */
export class ConfigurationError extends RefreshError {}
/** The source answered, but not with usable credentials. */
export class CredentialError extends RefreshError {}
/** The network or the TLS peer. */
export class ConnectionError extends RefreshError {}
/** AWS refused the request. */
export class RequestError extends RefreshError {}
/** The token, its module or its PIN. */
export class Pkcs11Error extends RefreshError {}
/** MQTT. */
export class MqttError extends RefreshError {
  /** What the server answered: a reason code of MQTT 5, or one that a code of 3.1.1 was translated to. */
  declare readonly reasonCode?: number;
}
/** The session is closed. */
export class ClosedError extends RefreshError {}

const classes = {
  RefreshError,
  ValidationError,
  ConfigurationError,
  CredentialError,
  ConnectionError,
  RequestError,
  Pkcs11Error,
  MqttError,
  ClosedError,
};

for (const [name, errorClass] of Object.entries(classes)) {
  Object.defineProperty(errorClass.prototype, "name", { value: name, configurable: true, writable: true });
}

/**
 * The typed error of what the native side reports.
 *
 * @internal
 */
export function toError(failure: RefreshErrorInit & { name: string }, cause?: unknown): RefreshError {
  const errorClass = Object.hasOwn(classes, failure.name)
    ? classes[failure.name as keyof typeof classes]
    : RefreshError;
  const { code, message, retryable, hint, param, statusCode, requestId, awsErrorType, reasonCode } = failure;
  const underneath = cause ?? (failure.cause === undefined ? undefined : new Error(String(failure.cause)));
  return new errorClass({
    code,
    message,
    retryable,
    hint,
    param,
    statusCode,
    requestId,
    awsErrorType,
    reasonCode,
    cause: underneath,
  });
}
