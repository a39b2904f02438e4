import type { BlendContents } from '../blend/contents/blend-contents';
import type { RenderOptions } from '../contract/options';
import { printableName } from '../printable';
import { finding, type PreflightFinding } from './findings';
import { scriptFindings } from './script-findings';
import type { FoundLibrary } from './dependencies';

/** Names that one message tells. */
const MOST_NAMES = 5;

/** What of a scene's contents renders otherwise than its maker may think: pure. */
export function contentsFindings(
  contents: BlendContents,
  libraries: readonly FoundLibrary[],
  options: RenderOptions,
): PreflightFinding[] {
  const linked = libraries.filter(({ isLinked }) => isLinked);
  return [
    ...unbaked(contents),
    ...linked.flatMap(({ location, contents: held }) => (held ? unbaked(held, location) : [])),
    ...scriptFindings(contents, options),
    ...linked.flatMap(({ location, contents: held }) =>
      held ? scriptFindings(held, options, location) : [],
    ),
    ...contents.addonTrees.map(addonTree),
    ...linked.flatMap(({ contents: held }) => held?.addonTrees.map(addonTree) ?? []),
    ...contents.fileOutputs.map(({ path }) => fileOutput(path)),
    ...incomplete(contents, 'the scene'),
    ...libraries.flatMap(({ location, contents: held }) =>
      held ? incomplete(held, `library ${printableName(location)}`) : [],
    ),
  ];
}

function unbaked({ unbaked: simulations }: BlendContents, library?: string): PreflightFinding[] {
  if (simulations.length === 0) return [];
  const told = simulations.slice(0, MOST_NAMES).map(({ kind, what }) => `${printableName(what)} (${kind})`);
  const untold = simulations.length - told.length;
  const all = `${told.join(', ')}${untold > 0 ? ` and ${untold} more` : ''}`;
  const of = library === undefined ? '' : ` of library ${printableName(library)}`;
  const are = simulations.length > 1 ? 'are simulations that are' : 'is a simulation that is';
  const message = `${all}${of} ${are} not baked: Spotreel renders all frames in one slice and plays the simulation from its first frame, as if it were baked. Blender's own background render does not play it; bake to disk (Physics Properties > Cache) and save the .blend`;
  return [finding('unbaked-simulation', message)];
}

function addonTree(type: string): PreflightFinding {
  const message = `node trees of type ${printableName(type)} belong to an add-on; Spotreel loads no add-ons, so whatever these nodes do is missing from the frames: bake their result into keyframes, meshes or files`;
  return finding('addon-nodes', message);
}

function fileOutput(path: string): PreflightFinding {
  const message = `a File Output node of the compositor writes to ${printableName(path)}; Spotreel keeps its files in outputs/ in the render's folder instead`;
  return finding('file-output', message, path);
}

function incomplete({ incomplete: isIncomplete, limit }: BlendContents, what: string): PreflightFinding[] {
  if (!isIncomplete) return [];
  const reason = limit === undefined ? '' : `: it takes more than ${limit}`;
  const message = `${what} is too large to find every file that it needs${reason}; split it into libraries, or give --force to render with the files that were found`;
  return [finding('contents-incomplete', message)];
}
