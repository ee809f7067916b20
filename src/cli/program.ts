/** The commands and their flags. */

import { Command } from "commander";
import { VERSION } from "../ts/version";
import { credentialProcess } from "./commands/credentialProcess";
import { doctor } from "./commands/doctor";
import { pkcs11List, withTokenFlags } from "./commands/pkcs11List";
import { whoami } from "./commands/whoami";
import { withSessionFlags } from "./options";
import { complain, print } from "./output";

const EXIT_CODES = `
Exit codes:
  0   done
  64  the command line is wrong
  70  a defect of this package
  75  the network, the clock, a service or a token: try again later
  77  AWS refuses the certificate, the policy, the role alias or the role
  78  options, files, certificate, module or key are wrong
  79  the PIN: every start may spend a try, so do not restart
`;

/** Columns of a help text at least. */
const HELP_WIDTH = 100;

export function program(): Command {
  const refreshSession = new Command("refresh-session")
    .description("AWS credentials from a device certificate, with the private key in a file or in an HSM.")
    .version(VERSION, "--version", "print the version")
    .helpOption("--help", "print this")
    .addHelpText("after", EXIT_CODES)
    .configureOutput({
      // commander's own way throws where nobody reads to the end: `--help | head`.
      writeOut: print,
      writeErr: complain,
      outputError: (text, write) => write(`refresh-session: ${withoutValues(text)}`),
      // Without a terminal it would be 80, which the longest flags leave too little of to wrap texts in.
      getOutHelpWidth: () => Math.max(process.stdout.columns ?? 0, HELP_WIDTH),
    });

  withSessionFlags(added(refreshSession, "credential-process"))
    .description("Print one set of credentials as JSON, for `credential_process` of an AWS profile.")
    .addHelpText("after", EXIT_CODES)
    .action(credentialProcess);

  const who = added(refreshSession, "whoami")
    .option("--json", "print JSON")
    .option("--offline", "do not ask STS")
    .option("--identity-endpoint <url>", "the STS that is asked; default AWS's in the region");
  withSessionFlags(who)
    .description("Fetch credentials, ask STS whose they are, and print that without the secrets.")
    .addHelpText("after", EXIT_CODES)
    .action(whoami);

  withSessionFlags(added(refreshSession, "doctor").option("--json", "print JSON"))
    .description("Go through everything that a fetch needs and say what is wrong and what to do.")
    .addHelpText("after", EXIT_CODES)
    .action(doctor);

  const pkcs11 = refreshSession.command("pkcs11").description("Look at PKCS#11 modules.");
  withTokenFlags(added(pkcs11, "list"))
    .description("List tokens, keys and certificates of a module, with their URIs. Logs in only if a PIN is given.")
    .addHelpText("after", EXIT_CODES)
    .action(pkcs11List);

  return refreshSession;
}

function added(parent: Command, name: string): Command {
  return parent.command(name).allowExcessArguments(false);
}

/** Somebody who types `--pin=1234` has shown it enough. */
function withoutValues(text: string): string {
  return text.replace(/^error: /, "").replaceAll(/'(-[^'=]*)=[^']*'/g, "'$1'");
}
