// Errors as TypeScript sees them: every class, every field.

import {
  ClosedError,
  ConfigurationError,
  ConnectionError,
  CredentialError,
  MqttError,
  Pkcs11Error,
  RefreshError,
  RequestError,
  ValidationError,
} from "refresh-session";
import { holds, type Same } from "./assert.js";

export function described(caught: unknown): string {
  // @ts-expect-error anything can be thrown
  caught.code;
  if (!(caught instanceof RefreshError)) return "of somebody else";
  caught satisfies Error;
  holds<Same<typeof caught.code, string>>();
  holds<Same<typeof caught.retryable, boolean>>();
  holds<Same<typeof caught.tryNextLink, false>>();
  holds<Same<typeof caught.hint, string | undefined>>();
  holds<Same<typeof caught.param, string | undefined>>();
  holds<Same<typeof caught.statusCode, number | undefined>>();
  holds<Same<typeof caught.requestId, string | undefined>>();
  holds<Same<typeof caught.awsErrorType, string | undefined>>();
  holds<Same<typeof caught.cause, unknown>>();
  // @ts-expect-error a code is fixed
  caught.code = "ERR_OTHER";
  // @ts-expect-error there is no such field
  caught.secretAccessKey;
  return caught.param ?? caught.code;
}

const classes = [
  ClosedError,
  ConfigurationError,
  ConnectionError,
  CredentialError,
  MqttError,
  Pkcs11Error,
  RequestError,
  ValidationError,
] as const;

for (const errorClass of classes) {
  errorClass satisfies new (init: {
    code: string;
    message: string;
  }) => RefreshError;
}
new ClosedError({ code: "ERR_X", message: "m", hint: "h", param: "p", cause: new Error("below") });
// @ts-expect-error an error has a code
new ClosedError({ message: "m" });
// @ts-expect-error an error is made of an object
new ClosedError("m");
