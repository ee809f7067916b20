/**
 * Why no addon was loaded, in one sentence, and what to do. What the system's loader said is the `cause`: it names
 * symbols and paths, and seldom what is missing.
 */

import { ConfigurationError } from "../errors";
import { glibcVersion, type Platform } from "./platform";

interface Refusal {
  message: string;
  hint: string;
  cause?: unknown;
}

const AGAIN = "Delete node_modules and install again; an interrupted install or a full disk leaves such a file.";

/** There is no addon for this platform. */
export function unsupported({ name }: Platform): ConfigurationError {
  return refusal({
    message: `there is no native addon for ${name}`,
    hint: "docs/platforms.md lists the platforms that have one. On another it must be built from source.",
  });
}

/** The package of this platform is not installed; `others` are those that are. */
export function missing(
  platform: Platform,
  wanted: string,
  version: string,
  others: readonly Platform[],
): ConfigurationError {
  const [other] = others;
  const instead = other === undefined ? "" : `; the one that is there is for ${other.name}`;
  const hints = [`Run \`npm install ${npmPlatform(platform)}\` and see that optional dependencies are not left out.`];
  if (other === undefined) {
    hints.push(
      `A lock file made on another platform may lack it: then \`npm install ${wanted}@${version} --save-optional\`.`,
    );
  } else {
    hints.push("node_modules must be installed for the platform that it runs on.");
  }
  if (platform.libc === "musl") {
    hints.push("A PKCS#11 module that is made for glibc only needs a Node.js for glibc.");
  }
  return refusal({
    message: `the native addon for ${platform.name} is not installed: ${wanted} ${version} is missing${instead}`,
    hint: hints.join(" "),
  });
}

/** The package is installed without its file. */
export function gone(wanted: string): ConfigurationError {
  return refusal({ message: `${wanted} is installed, but the native addon in it is gone`, hint: AGAIN });
}

/** The file is no addon, or only a part of one. */
export function damaged(path: string): ConfigurationError {
  return refusal({ message: `the native addon ${path} is damaged: it is not a whole ELF file`, hint: AGAIN });
}

/** The package's manifest cannot be understood, and Node.js does not find the addon without it. */
export function damagedManifest(path: string): ConfigurationError {
  return refusal({ message: `${path} is damaged: it is not JSON`, hint: AGAIN });
}

/** The file is made for another processor. */
export function otherProcessor(path: string, found: string): ConfigurationError {
  return refusal({
    message: `the native addon ${path} is for ${found}, and this Node.js is for ${process.arch}`,
    hint: "node_modules must be installed for the platform that it runs on: delete it and install again, on it or with npm's `--os`, `--cpu` and `--libc`.",
  });
}

/** The addon and the JavaScript around it are of different versions. */
export function otherVersion(path: string, found: unknown, version: string): ConfigurationError {
  const is = typeof found === "string" ? `version ${found}` : "another version";
  return refusal({
    message: `the native addon ${path} is of ${is}, and refresh-session is ${version}`,
    hint: "Both must be of one version: install refresh-session again, or in a checkout run `npm run build`.",
  });
}

/** The system, or Node.js, would not load the file. */
export function unloadable(path: string, platform: Platform, cause: unknown): ConfigurationError {
  const { code, message } = cause as { code?: unknown; message?: unknown };
  return refusal({ ...explained(path, platform, code, String(message)), cause });
}

function explained(path: string, { libc }: Platform, code: unknown, said: string): Refusal {
  if (code === "ERR_DLOPEN_DISABLED") {
    return {
      message: "this Node.js was told to load no native addon",
      hint: "Start it with `--allow-addons` where it runs with `--permission`, and without `--no-addons`.",
    };
  }
  const needed = /version [`']GLIBC_([\d.]+)' not found/.exec(said)?.[1];
  if (needed !== undefined) {
    return {
      message: `the native addon ${path} needs glibc ${needed}, and this system has ${glibcVersion() ?? "an older one"}`,
      hint: "Update the operating system. The prebuilt packages need glibc 2.17; an addon of your own needs that of the machine it was built on.",
    };
  }
  const other = libc === "musl" ? "glibc" : "musl";
  if (libc !== undefined && needsOther[libc].test(said)) {
    return {
      message: `the native addon ${path} is for ${other}, and this Node.js is for ${libc}`,
      hint: `Install the package for ${libc}, or use a Node.js for ${other}. A PKCS#11 module must be for the same C library as Node.js.`,
    };
  }
  if (/operation not permitted|permission denied|failed to map segment|code signature/i.test(said)) {
    return {
      message: `the system does not let this process load the native addon ${path}`,
      hint: "Its file system may be mounted `noexec`, or a security policy or the file's mode forbids it.",
    };
  }
  return {
    message: `the native addon ${path} could not be loaded`,
    hint: "What the system said is the `cause` of this error.",
  };
}

/** What the loader of one C library says of what was linked with the other. */
const needsOther = {
  glibc: /libc\.musl-|\blibc\.so: (cannot open|invalid ELF)|ld-musl-/,
  musl: /ld-linux|libc\.so\.6|Error relocating|symbol not found/,
};

/** npm's words for a platform: what is installed when it runs on another. */
function npmPlatform({ libc }: Platform): string {
  return `--os=${process.platform} --cpu=${process.arch}${libc === undefined ? "" : ` --libc=${libc}`}`;
}

function refusal(init: Refusal): ConfigurationError {
  return new ConfigurationError({ code: "ERR_NATIVE_ADDON", ...init });
}
