import type { BlendContents } from '../blend/contents/blend-contents';
import type { RenderOptions } from '../contract/options';
import { printableName } from '../printable';
import { finding, type PreflightFinding } from './findings';

/** Names that one message shows. */
const MOST_NAMES = 5;

const ALLOW = 'render with --allow-scripts if you trust this scene';

/** What a scene or a library of it would run while it renders, and what becomes of that: pure. */
export function scriptFindings(
  { scripts }: BlendContents,
  { allowScripts }: RenderOptions,
  library?: string,
): PreflightFinding[] {
  const of = library === undefined ? '' : ` of library ${printableName(library)}`;
  if (allowScripts) return running(scripts, of);
  const { texts, driverExpressions, freestyleModules, unsafeNames, scriptNodes } = scripts;
  const without = (all: readonly string[]): string =>
    all.length > 1
      ? `do not run: Spotreel renders without them; ${ALLOW}`
      : `does not run: Spotreel renders without it; ${ALLOW}`;
  const findings: PreflightFinding[] = [];
  if (texts.length > 0) findings.push(finding('scripts-off', `${registered(texts)}${of} ${without(texts)}`));
  if (driverExpressions > 0) {
    const keeps =
      driverExpressions > 1 ? 'do not run and keep their values' : 'does not run and keeps its value';
    const message = `${drivers(driverExpressions)}${of} ${keeps}: use simple expressions, bake the animation (Object > Animation > Bake Action), or ${ALLOW}`;
    findings.push(finding('drivers-off', message));
  }
  if (freestyleModules.length > 0)
    findings.push(
      finding('freestyle-scripts', `${modules(freestyleModules)}${of} ${without(freestyleModules)}`),
    );
  if (unsafeNames.length > 0) {
    const message = `Blender 3.4 would run parts of Freestyle names as Python (${names(unsafeNames)}${of}): Spotreel replaces their backslashes and control characters by _; rename them in Blender`;
    findings.push(finding('freestyle-names', message));
  }
  if (scriptNodes.length > 0)
    findings.push(finding('osl-scripts', `${nodes(scriptNodes)}${of} ${without(scriptNodes)}`));
  return findings;
}

function running(
  { texts, driverExpressions, freestyleModules, unsafeNames, scriptNodes }: BlendContents['scripts'],
  of: string,
): PreflightFinding[] {
  const all = [
    ...(texts.length > 0 ? [registered(texts)] : []),
    ...(driverExpressions > 0 ? [drivers(driverExpressions)] : []),
    ...(freestyleModules.length > 0 ? [modules(freestyleModules)] : []),
    ...(unsafeNames.length > 0 ? [`Python in Freestyle names (${names(unsafeNames)})`] : []),
    ...(scriptNodes.length > 0 ? [nodes(scriptNodes)] : []),
  ];
  if (all.length === 0) return [];
  const message = `--allow-scripts lets scripts${of} run, and they can put any file that you can read into a picture: ${all.join('; ')}`;
  return [finding('scripts-run', message)];
}

const registered = (texts: readonly string[]): string =>
  `registered ${plural(texts, 'text')} ${names(texts)}`;

const modules = (texts: readonly string[]): string =>
  `Freestyle style ${plural(texts, 'module')} ${names(texts)}`;

const nodes = (users: readonly string[]): string =>
  `OSL shaders in ${shown(users.map((user) => printableName(user)))}`;

const drivers = (count: number): string =>
  count === 1 ? '1 driver with a Python expression' : `${count} drivers with Python expressions`;

const plural = (all: readonly string[], noun: string): string => (all.length > 1 ? `${noun}s` : noun);

const names = (all: readonly string[]): string => shown(all.map((name) => `"${printableName(name)}"`));

function shown(all: readonly string[]): string {
  const first = all.slice(0, MOST_NAMES).join(', ');
  return all.length > MOST_NAMES ? `${first} and ${all.length - MOST_NAMES} more` : first;
}
