import type { Finding, Severity } from '../../render/manifest';
import type { Dependency, DependencyKind, Reach } from '../contents/blend-contents';

interface FindingRule {
  readonly severity: Severity;
  /** Whether `--force` turns this error into a warning, because rendering anyway can make sense. */
  readonly mayBeForced?: true;
}

/**
 * Every code of the preflight, with its severity. Codes are stable: scripts may compare them.
 *
 * A missing file is an error if a frame certainly needs it, a warning if one may, and a note if none does
 * (`Dependency.reach`). The table has the severity for files whose reach is unknown.
 */
export const FINDING_RULES = {
  // Settings of the scene; `core/scene/plan.ts` finds these.
  'no-such-scene': { severity: 'error' },
  /** The file could not be read up to the scene. */
  'scene-unread': { severity: 'error' },
  'no-camera': { severity: 'error' },
  /** Requested by the options. */
  'no-such-camera': { severity: 'error' },
  'bad-step': { severity: 'error' },
  'empty-range': { severity: 'error' },
  'absurd-range': { severity: 'error' },
  'bad-frame-range': { severity: 'error' },
  'bad-frame-rate': { severity: 'error' },
  'bad-resolution': { severity: 'error' },
  /** Saved by a newer Blender than the one that would render. */
  'blender-too-old': { severity: 'error', mayBeForced: true },
  /** Requested by the options, but missing. */
  'no-gpu': { severity: 'error' },
  /** The path of the scene, or of a file that it needs: a worker could not write it to its disk. */
  'bad-path': { severity: 'error' },

  'library-missing': { severity: 'error', mayBeForced: true },
  /** The library exists, but lacks a data block that the scene links. */
  'library-data-missing': { severity: 'error', mayBeForced: true },
  /** Saved by a newer Blender than the one that would render. */
  'library-newer': { severity: 'error', mayBeForced: true },
  /** The library exists, but is not a `.blend`, or is damaged. */
  'library-unreadable': { severity: 'error', mayBeForced: true },
  /**
   * Spotreel never uploads the file: it is hidden, not an asset, or not what its name says. With `--force` the scene renders
   * without it.
   */
  'upload-refused': { severity: 'error', mayBeForced: true },
  /** Outside the project of a scene in a watch folder, where Blender could read it. */
  'outside-upload': { severity: 'error' },
  /** More files than a manifest holds. */
  'too-many-files': { severity: 'error' },

  'image-missing': { severity: 'warning', mayBeForced: true },
  'font-missing': { severity: 'warning', mayBeForced: true },
  /** No frame needs sound; the video lacks it. */
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
  /** Named by the user's OCIO configuration; the scene's colours may not need it. */
  'ocio-missing': { severity: 'warning', mayBeForced: true },
  /** Exists with other capital and small letters, which make another name on Linux. */
  'letter-case': { severity: 'warning', mayBeForced: true },
  /** Exists on this machine, which renders, in another Unicode form, which makes another name on Linux. */
  'unicode-form': { severity: 'warning', mayBeForced: true },
  /** Exists on one machine only. */
  'absolute-path': { severity: 'warning', mayBeForced: true },
  /** The same, but that machine renders. */
  'absolute-path-found': { severity: 'note' },
  'network-path': { severity: 'warning', mayBeForced: true },
  /** Outside the project by `..` or a link, or the scene is in no project's folder. */
  'outside-project': { severity: 'warning', mayBeForced: true },
  /** Without `//`, so relative to the folder where Blender starts. */
  'unanchored-path': { severity: 'warning', mayBeForced: true },
  /** Too many libraries or folders, or too deeply nested ones, to check all of them. */
  'files-unread': { severity: 'warning' },
  /** The file was too large to read whole. */
  'contents-incomplete': { severity: 'error', mayBeForced: true },

  /** Makes the plan one slice. */
  'unbaked-simulation': { severity: 'warning' },
  'engine-needs-display': { severity: 'warning' },
  /** Blender would render with EEVEE instead. */
  'engine-gone': { severity: 'error', mayBeForced: true },
  /** An engine of an add-on. Blender would render with EEVEE instead. */
  'engine-unknown': { severity: 'error', mayBeForced: true },
  /** A view transform of another OpenColorIO configuration. */
  'view-missing': { severity: 'error', mayBeForced: true },
  /** An OCIO archive or built-in configuration, for a Blender that supports neither and would use its own colours. */
  'ocio-too-new': { severity: 'error' },
  /** Every frame would fail, so `--force` cannot help. */
  'denoiser-missing': { severity: 'error' },
  /** Denoise nodes of the compositor: this Blender passes the picture on unchanged. */
  'denoise-nodes-off': { severity: 'warning' },
  /** Node trees of add-ons, which Spotreel does not load. */
  'addon-nodes': { severity: 'warning' },
  /** Registered texts. */
  'scripts-off': { severity: 'warning' },
  'drivers-off': { severity: 'warning' },
  /** Style modules, which are Python. */
  'freestyle-scripts': { severity: 'warning' },
  /** Names that Blender 3.4 runs as Python. */
  'freestyle-names': { severity: 'warning' },
  /** Script nodes and cameras in Open Shading Language. */
  'osl-scripts': { severity: 'warning' },
  /** Replaces the five above if the options allow scripts. */
  'scripts-run': { severity: 'warning' },
  /** Scripts run, but this machine has no sandbox. */
  'scripts-unconfined': { severity: 'warning' },
  /** The farm was deployed without `allowScripts`. */
  'scripts-refused': { severity: 'error' },
  /** Spotreel keeps its files in another place than the scene says. */
  'file-output': { severity: 'note' },
  'marker-cameras': { severity: 'warning' },
  /** A stereo film renders as one picture per frame. */
  'stereo-one-view': { severity: 'warning' },
  'movie-output': { severity: 'note' },
  /** The video has too few bits for the scene's HDR display. */
  'hdr-video': { severity: 'warning' },
  /** The same for frames. */
  'hdr-depth': { severity: 'warning' },
  /** The scene has sound, but the chosen frames or format exclude it. */
  'sound-left-out': { severity: 'warning' },
  /** Sound that depends on the camera. */
  speakers: { severity: 'note' },
  /** A format with one file per frame that Spotreel neither renders nor keeps. */
  'format-not-kept': { severity: 'note' },
  /** More findings than are listed one by one. */
  'more-findings': { severity: 'note' },
} as const satisfies Record<string, FindingRule> & Record<`${DependencyKind}-missing`, FindingRule>;

export type FindingCode = keyof typeof FINDING_RULES;

/** The rule of a code; an unknown code is an error that cannot be forced. */
export function ruleOf(code: string): FindingRule {
  const rules: Readonly<Record<string, FindingRule>> = FINDING_RULES;
  return Object.hasOwn(rules, code) ? rules[code]! : { severity: 'error' };
}

/** Findings that are listed one by one. A manifest holds all of them. */
const MOST_FINDINGS = 500;

const ORDER: readonly Severity[] = ['error', 'warning', 'note'];

/** A finding of the preflight, always with a severity. */
export type PreflightFinding = Finding & { readonly severity: Severity };

/** A finding with the severity of its code, or another; `path` is the path in the scene that causes it. */
export function finding(
  code: FindingCode,
  message: string,
  path?: string,
  severity: Severity = ruleOf(code).severity,
): PreflightFinding {
  return { code, severity, message, path };
}

/**
 * Sorts errors, warnings, notes, each in the order found, and removes duplicates. With `force`, errors that may be forced
 * become warnings. Counts the rest beyond 500.
 */
export function sortFindings(findings: readonly PreflightFinding[], force = false): PreflightFinding[] {
  const judged = findings.map((one) =>
    force && one.severity === 'error' && ruleOf(one.code).mayBeForced
      ? { ...one, severity: 'warning' as const }
      : one,
  );
  const once = [...new Map(judged.map((one) => [JSON.stringify([one.code, one.message]), one])).values()];
  const sorted = ORDER.flatMap((severity) => once.filter((one) => one.severity === severity));
  const unlisted = sorted.length - MOST_FINDINGS;
  if (unlisted <= 0) return sorted;
  const rest = finding('more-findings', `and ${unlisted} more findings; fix these first`);
  return [...sorted.slice(0, MOST_FINDINGS), rest];
}

/** Severity of something missing, by its reach. */
const SEVERITIES: Readonly<Record<Reach, Severity>> = { rendered: 'error', maybe: 'warning', unused: 'note' };

/** Severity of a missing file; `undefined` if its reach is unknown. No frame needs sound, so it never stops a render. */
export function missingSeverity({ kind, reach }: Pick<Dependency, 'kind' | 'reach'>): Severity | undefined {
  if (reach === undefined) return undefined;
  return kind === 'sound' && reach === 'rendered' ? 'warning' : SEVERITIES[reach];
}

/** Severity of any other fault; `undefined` if the reach is unknown. */
export function reachSeverity(reach: Reach | undefined): Severity | undefined {
  return reach && SEVERITIES[reach];
}
