import type { NativeContainerPlace } from "../binding";
import type { ContainerOptions } from "../sts/types";
import { type Checks, checked, defined, text } from "./check";
import { commonChecks, type ParsedCommonOptions, parseCommonOptions } from "./common";

const containerChecks: Checks<ContainerOptions> = {
  ...commonChecks,
  relativeUri: text,
  fullUri: text,
  authorizationToken: text,
  authorizationTokenFile: text,
};

/** Options of `method: "container"`, parsed. */
export interface ParsedContainerOptions extends ParsedCommonOptions {
  container: NativeContainerPlace;
}

export function parseContainerOptions(options: unknown, beside?: readonly string[]): ParsedContainerOptions {
  const given = checked<ContainerOptions>(options, containerChecks, "", beside);
  const { relativeUri, fullUri, authorizationToken, authorizationTokenFile } = given;
  return {
    ...parseCommonOptions(given),
    container: defined<NativeContainerPlace>({ relativeUri, fullUri, authorizationToken, authorizationTokenFile }),
  };
}

/** What the environment of this thread says now; an empty variable is as good as none. */
export function containerEnvironment(): NativeContainerPlace {
  const { env } = process;
  return defined<NativeContainerPlace>({
    relativeUri: env.AWS_CONTAINER_CREDENTIALS_RELATIVE_URI || undefined,
    fullUri: env.AWS_CONTAINER_CREDENTIALS_FULL_URI || undefined,
    authorizationToken: env.AWS_CONTAINER_AUTHORIZATION_TOKEN || undefined,
    authorizationTokenFile: env.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE || undefined,
  });
}
