// Shadows and jobs as TypeScript sees them.

import type {
  Job,
  JobDetails,
  JobHandler,
  Jobs,
  MqttConnection,
  Shadow,
  ShadowChange,
  ShadowDelta,
  ShadowDocument,
  ShadowUpdated,
} from "refresh-session";
import { holds, type Same } from "./assert.js";

declare const connection: MqttConnection;
declare const signal: AbortSignal;

// --------------------------------------------------------------------------------------------------------- shadows

const shadow = connection.shadow("gw");
holds<Same<typeof shadow, Shadow>>();
connection.shadow("gw", { name: "fan" });
// @ts-expect-error no such option
connection.shadow("gw", { shadowName: "fan" });
// @ts-expect-error a thing has a name
connection.shadow();

interface Fan {
  rpm: number;
}
const fan: Fan = { rpm: 900 };

export async function use(): Promise<void> {
  holds<Same<Awaited<ReturnType<typeof shadow.get>>, ShadowDocument>>();
  const updated = await shadow.update({ desired: fan, reported: null }, { version: 3, timeoutMs: 1, signal });
  holds<Same<typeof updated, ShadowUpdated>>();
  // @ts-expect-error no such half
  await shadow.update({ wanted: fan });
  // @ts-expect-error a half is an object
  await shadow.update({ desired: 900 });
  // @ts-expect-error a reading changes no version
  await shadow.get({ version: 1 });
  await shadow.delete({ version: 1 });
  for await (const delta of shadow.deltas({ signal })) holds<Same<typeof delta, ShadowDelta>>();
  for await (const change of shadow.changes()) holds<Same<typeof change, ShadowChange>>();
  await shadow.follow(() => {});
  await shadow.follow(async () => {});
  await shadow.follow(async (desired, { version, signal }) => {
    holds<Same<typeof version, number>>();
    holds<Same<typeof signal, AbortSignal>>();
    return desired.rpm === 1 ? fan : undefined;
  });
  // @ts-expect-error what is reported is an object
  await shadow.follow(() => "done");
  await using _ = shadow;
}

// ------------------------------------------------------------------------------------------------------------ jobs

const jobs = connection.jobs("gw");
holds<Same<typeof jobs, Jobs>>();

export async function work(): Promise<void> {
  const job = await jobs.next({ signal, stepTimeoutInMinutes: 5 });
  holds<Same<typeof job, Job>>();
  holds<Same<typeof job.document, unknown>>();
  await job.progress({ step: 1, of: "two", last: false } satisfies JobDetails, { stepTimeoutInMinutes: 9 });
  await job.succeed();
  // @ts-expect-error details are flat
  await job.fail({ deep: {} });
  // @ts-expect-error it is counted by AWS
  job.versionNumber = 1;
  await jobs.run(() => {});
  await jobs.run(async ({ progress, jobId }) => progress({ jobId }), { signal });
  await jobs.run(() => ({ status: "REJECTED", statusDetails: { why: "not here" } }));
  // @ts-expect-error only AWS cancels
  await jobs.run(() => ({ status: "CANCELED" }));
}

export const handler: JobHandler = async () => ({ statusDetails: { took: 1 } });
