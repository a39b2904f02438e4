import type { Finding, Severity } from '../../render/manifest';
import type { Dependency, DependencyKind, Reach } from '../contents/blend-contents';

interface FindingRule {
  readonly severity: Severity;
  /** Whether `--force` turns this error into a warning: rendering on can make sense. */
  readonly mayBeForced?: true;
}

/**
 * Every code that the preflight gives, and how bad it is. Codes are stable: scripts may compare them.
 *
 * A missing file is an error if a frame surely needs it, a warning if a frame may need it, and a note if no frame does
 * (`Dependency.reach`). The table has the severity for files of which that is unknown.
 */
export const FINDING_RULES = {
  // The scene's own settings; `core/scene/plan.ts` finds these.
  'no-such-scene': { severity: 'error' },
  /** The file could not be read as far as the scene. */
  'scene-unread': { severity: 'error' },
  'no-camera': { severity: 'error' },
  /** Asked for by the options. */
  'no-such-camera': { severity: 'error' },
  'bad-step': { severity: 'error' },
  'empty-range': { severity: 'error' },
  'absurd-range': { severity: 'error' },
  'bad-frame-range': { severity: 'error' },
  'bad-frame-rate': { severity: 'error' },
  'bad-resolution': { severity: 'error' },
  /** Saved by a newer Blender than the one that would render. */
  'blender-too-old': { severity: 'error', mayBeForced: true },
  /** Asked for by the options, and not there. */
  'no-gpu': { severity: 'error' },
  /** Of the scene or of a file that it needs: a worker could not write it to its disk. */
  'bad-path': { severity: 'error' },

  'library-missing': { severity: 'error', mayBeForced: true },
  /** There, but without a data block that the scene takes from it. */
  'library-data-missing': { severity: 'error', mayBeForced: true },
  /** Saved by a newer Blender than the one that would render. */
  'library-newer': { severity: 'error', mayBeForced: true },
  /** There, but no `.blend`, or a damaged one. */
  'library-unreadable': { severity: 'error', mayBeForced: true },
  /** Spotreel never uploads it: hidden, no asset, or not what its name says. With `--force` the scene goes without it. */
  'upload-refused': { severity: 'error', mayBeForced: true },
  /** Out of the project of a scene in a watch folder, where Blender could read it. */
  'outside-upload': { severity: 'error' },
  /** More than a manifest holds. */
  'too-many-files': { severity: 'error' },

  'image-missing': { severity: 'warning', mayBeForced: true },
  'font-missing': { severity: 'warning', mayBeForced: true },
  /** No frame needs it; the video lacks it. */
  'sound-missing': { severity: 'warning' },
  'movie-clip-missing': { severity: 'warning', mayBeForced: true },
  'volume-missing': { severity: 'warning', mayBeForced: true },
  'cache-file-missing': { severity: 'warning', mayBeForced: true },
  'mesh-cache-missing': { severity: 'warning', mayBeForced: true },
  'ocean-cache-missing': { severity: 'warning', mayBeForced: true },
  'fluid-cache-missing': { severity: 'warning', mayBeForced: true },
  'point-cache-missing': { severity: 'warning', mayBeForced: true },
  'bake-missing': { severity: 'warning', mayBeForced: true },
  'strip-missing': { severity: 'warning', mayBeForced: true },
  'custom-data-missing': { severity: 'warning', mayBeForced: true },
  'import-missing': { severity: 'warning', mayBeForced: true },
  'ies-missing': { severity: 'warning', mayBeForced: true },
  'osl-missing': { severity: 'warning', mayBeForced: true },
  /** Named by the user's OCIO configuration; whether the scene's colours need it is unknown. */
  'ocio-missing': { severity: 'warning', mayBeForced: true },
  /** There by another spelling of capital and small letters, which Linux takes for another name. */
  'letter-case': { severity: 'warning', mayBeForced: true },
  /** On this machine, which renders, by another Unicode form of the name, which Linux takes for another name. */
  'unicode-form': { severity: 'warning', mayBeForced: true },
  /** A place of one machine only. */
  'absolute-path': { severity: 'warning', mayBeForced: true },
  /** The same, and that machine is this one, which renders. */
  'absolute-path-found': { severity: 'note' },
  'network-path': { severity: 'warning', mayBeForced: true },
  /** Leads out of the project by `..` or by a link, or the scene lies in no project's folder. */
  'outside-project': { severity: 'warning', mayBeForced: true },
  /** Without `//`, and so relative to whichever folder Blender is started in. */
  'unanchored-path': { severity: 'warning', mayBeForced: true },
  /** Libraries or folders were too many, or libraries too deep in each other, to look into all of them. */
  'files-unread': { severity: 'warning' },
  /** The file was too large to look through whole. */
  'contents-incomplete': { severity: 'error', mayBeForced: true },

  /** Makes the plan one slice. */
  'unbaked-simulation': { severity: 'warning' },
  'engine-needs-display': { severity: 'warning' },
  /** Blender would render with EEVEE instead. */
  'engine-gone': { severity: 'error', mayBeForced: true },
  /** Of an add-on. Blender would render with EEVEE instead. */
  'engine-unknown': { severity: 'error', mayBeForced: true },
  /** A view transform of another OpenColorIO configuration. */
  'view-missing': { severity: 'error', mayBeForced: true },
  /** An OCIO archive or built-in configuration, and a Blender that knows neither. Blender would render with its own colours. */
  'ocio-too-new': { severity: 'error' },
  /** Every frame would fail: forcing cannot help. */
  'denoiser-missing': { severity: 'error' },
  /** Of the compositor: such a Blender passes the picture on as it is. */
  'denoise-nodes-off': { severity: 'warning' },
  /** Node trees of add-ons, which are not loaded. */
  'addon-nodes': { severity: 'warning' },
  /** Texts that are registered. */
  'scripts-off': { severity: 'warning' },
  'drivers-off': { severity: 'warning' },
  /** Style modules, which are Python. */
  'freestyle-scripts': { severity: 'warning' },
  /** Names that Blender 3.4 runs as Python. */
  'freestyle-names': { severity: 'warning' },
  /** Script nodes and cameras in Open Shading Language. */
  'osl-scripts': { severity: 'warning' },
  /** In place of the five before, where the options allow scripts. */
  'scripts-run': { severity: 'warning' },
  /** Scripts run, and this machine has no sandbox. */
  'scripts-unconfined': { severity: 'warning' },
  /** The farm was deployed without `allowScripts`. */
  'scripts-refused': { severity: 'error' },
  /** Its files are kept elsewhere than the scene says. */
  'file-output': { severity: 'note' },
  'marker-cameras': { severity: 'warning' },
  /** Of a stereo film, one picture a frame is rendered. */
  'stereo-one-view': { severity: 'warning' },
  'movie-output': { severity: 'note' },
  /** The video has too few bits for the scene's HDR display. */
  'hdr-video': { severity: 'warning' },
  /** The same of the frames. */
  'hdr-depth': { severity: 'warning' },
  /** There is sound, and it can't go with these frames or this format. */
  'sound-left-out': { severity: 'warning' },
  /** Sound that depends on the camera. */
  speakers: { severity: 'note' },
  /** A format of one file a frame that is neither PNG nor one that is kept beside it. */
  'format-not-kept': { severity: 'note' },
  /** Beyond as many as are told one by one. */
  'more-findings': { severity: 'note' },
} as const satisfies Record<string, FindingRule> & Record<`${DependencyKind}-missing`, FindingRule>;

export type FindingCode = keyof typeof FINDING_RULES;

/** How bad a finding of this code is; anything that the table does not know is an error for good. */
export function ruleOf(code: string): FindingRule {
  const rules: Readonly<Record<string, FindingRule>> = FINDING_RULES;
  return Object.hasOwn(rules, code) ? rules[code]! : { severity: 'error' };
}

/** Findings that are told one by one: more than that nobody reads, and a manifest holds them all. */
const MOST_FINDINGS = 500;

const ORDER: readonly Severity[] = ['error', 'warning', 'note'];

/** A finding of the preflight, which always says how bad it is. */
export type PreflightFinding = Finding & { readonly severity: Severity };

/** A finding, as bad as its code says or as `severity`; `path` is the one at fault, as written in the scene. */
export function finding(
  code: FindingCode,
  message: string,
  path?: string,
  severity: Severity = ruleOf(code).severity,
): PreflightFinding {
  return { code, severity, message, ...(path !== undefined && { path }) };
}

/**
 * Errors first, then warnings, then notes, each in the order in which they were found, none twice. With `force`, errors
 * that may be overruled are warnings. Beyond 500 the rest is counted.
 */
export function sortFindings(findings: readonly PreflightFinding[], force = false): PreflightFinding[] {
  const judged = findings.map((one) =>
    force && one.severity === 'error' && ruleOf(one.code).mayBeForced
      ? { ...one, severity: 'warning' as const }
      : one,
  );
  const once = [...new Map(judged.map((one) => [JSON.stringify([one.code, one.message]), one])).values()];
  const sorted = ORDER.flatMap((severity) => once.filter((one) => one.severity === severity));
  const untold = sorted.length - MOST_FINDINGS;
  if (untold <= 0) return sorted;
  const rest = finding('more-findings', `and ${untold} more findings: mend these first`);
  return [...sorted.slice(0, MOST_FINDINGS), rest];
}

/** How bad it is that something is missing that can reach a frame so surely. */
const SEVERITIES: Readonly<Record<Reach, Severity>> = { rendered: 'error', maybe: 'warning', unused: 'note' };

/** How bad it is that a file is missing; `undefined` where its reach is unknown. No frame needs sound, so it never stops a render. */
export function missingSeverity({ kind, reach }: Pick<Dependency, 'kind' | 'reach'>): Severity | undefined {
  if (reach === undefined) return undefined;
  return kind === 'sound' && reach === 'rendered' ? 'warning' : SEVERITIES[reach];
}

/** The same of anything else. */
export function reachSeverity(reach: Reach | undefined): Severity | undefined {
  return reach && SEVERITIES[reach];
}
