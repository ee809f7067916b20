/** The helpers of a connection. */

import { parseShadow, thingName } from "../../options/things";
import { helperOf } from "./Conversation";
import { type Jobs, newJobs } from "./Jobs";
import { jobRefused } from "./jobAnswers";
import { newShadow, type Shadow } from "./Shadow";
import { shadowRefused } from "./shadowAnswers";
import type { ShadowOptions } from "./shadowTypes";
import type { Wire } from "./wire";

export function shadowOf(wire: Wire, thing: string, options?: ShadowOptions): Shadow {
  const [of, name] = [thingName(thing, "thing"), parseShadow(options)];
  const prefix = `$aws/things/${of}/shadow/${name === undefined ? "" : `name/${name}/`}`;
  return helperOf(wire, prefix, shadowRefused, (conversation) => newShadow(of, name, conversation));
}

export function jobsOf(wire: Wire, thing: string): Jobs {
  const of = thingName(thing, "thing");
  return helperOf(wire, `$aws/things/${of}/jobs/`, jobRefused, (conversation) => newJobs(of, conversation));
}
