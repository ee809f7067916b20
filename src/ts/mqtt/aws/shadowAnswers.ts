/** What the shadow service says. */

import { type RefreshError, RequestError } from "../../errors";
import { asCount, asFields, busyError, type Fields, said, unreadable } from "./answers";
import type { ShadowChange, ShadowDeleted, ShadowDelta, ShadowDocument, ShadowUpdated } from "./shadowTypes";

const HINTS: Record<number, string> = {
  404: "There is no such shadow until its first update.",
  409: "Somebody else has changed it: read it, and decide anew.",
  413: "A shadow holds 8 KB.",
};

export function shadowRefused(answer: Fields, topic: string): RefreshError {
  const status = asCount(answer.code) ?? 0;
  if (status === 429 || status >= 500) return busyError(topic, status, answer);
  return new RequestError({
    code: "ERR_SHADOW_REJECTED",
    message: `${topic} was rejected (${status}): ${said(answer)}`,
    hint: HINTS[status],
    statusCode: status,
  });
}

/** Whether AWS has said that there is no such shadow. */
export function isMissing(error: unknown): boolean {
  return error instanceof RequestError && error.code === "ERR_SHADOW_REJECTED" && error.statusCode === 404;
}

export function documentOf(answer: Fields, topic: string): ShadowDocument {
  const { version, timestamp } = stampOf(answer, topic);
  return { state: halves(answer.state, topic), metadata: asFields(answer.metadata) ?? {}, version, timestamp };
}

export function updatedOf(answer: Fields, topic: string): ShadowUpdated {
  return documentOf(answer, topic);
}

export function deletedOf(answer: Fields, topic: string): ShadowDeleted {
  return stampOf(answer, topic);
}

/** A delta, or what is one in a document. */
export function deltaOf(body: Fields | undefined): ShadowDelta | undefined {
  const [state, version, timestamp] = [asFields(body?.state), asCount(body?.version), asCount(body?.timestamp)];
  if (state === undefined || version === undefined || timestamp === undefined) return undefined;
  return { state, metadata: asFields(body?.metadata) ?? {}, version, timestamp };
}

export function changeOf(body: Fields | undefined): ShadowChange | undefined {
  const [previous, current, timestamp] = [asFields(body?.previous), asFields(body?.current), asCount(body?.timestamp)];
  const whole = asFields(current?.state) !== undefined && asCount(current?.version) !== undefined;
  if (previous === undefined || timestamp === undefined || !whole) return undefined;
  return { previous, current: current as unknown as ShadowChange["current"], timestamp };
}

function stampOf({ version, timestamp }: Fields, topic: string): { version: number; timestamp: number } {
  const [known, when] = [asCount(version), asCount(timestamp)];
  if (known === undefined || when === undefined) throw unreadable(topic, "`version` or `timestamp` is missing");
  return { version: known, timestamp: when };
}

/** `desired`, `reported` and `delta`, each an object or `null` if it is there. */
function halves(value: unknown, topic: string): Fields {
  const state = asFields(value);
  if (state === undefined) throw unreadable(topic, "`state` is no object");
  for (const half of ["desired", "reported", "delta"]) {
    const found = state[half];
    if (found !== undefined && found !== null && asFields(found) === undefined) {
      throw unreadable(topic, `\`state.${half}\` is no object`);
    }
  }
  return state;
}
