import type { SceneCameras } from '../../core/blend/contents/blend-contents';
import type { BlendFacts, SceneFacts } from '../../core/blend/scene-facts';
import { examineScene } from '../../core/preflight/examine-scene';
import { preflight } from '../../core/preflight/preflight';
import { ocioOption } from '../ocio-flag';
import { printable, printableName } from '../../core/printable';
import { formatFrameRate, frameRateOf } from '../../core/render/frame-rate';
import { formatFrameRanges } from '../../core/render/frame-range';
import { frameResolution } from '../../core/render/resolution';
import { formatLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import { dependencyJson, describeDependencies } from '../describe-dependencies';
import { findSource } from '../find-source';
import { hasOwnColors } from '../local/own-colors';
import { denoiserFor } from '../local/ask-denoiser';
import { hasDisplay } from '../local/has-display';
import { describeFinding } from '../report-findings';

export interface InspectFlags {
  readonly json?: boolean;
  readonly allowScripts?: boolean;
}

/** `spotreel inspect FILE`: what the scene reader finds in the file, what the file needs, and what is wrong with it. */
export async function inspectCommand(file: string, { json, allowScripts }: InspectFlags): Promise<number> {
  const storage = openStorage();
  const { url } = await findSource(file, storage);
  const place = url.protocol === 'file:' ? 'here' : 'farm';
  const location = formatLocation(url);
  const ocio = ocioOption(undefined, url, process.env);
  const examination = await examineScene(url, undefined, storage, undefined, undefined, ocio);
  const options = allowScripts ? { allowScripts } : {};
  const { findings } = preflight(examination, {
    file: location,
    options,
    hasOwnColors: place === 'here' && hasOwnColors(process.env),
    ...(place === 'here' && { hasDenoiser: await denoiserFor(examination, options, process.env) }),
    place,
    hasDisplay: place === 'here' && hasDisplay(process.env, process.platform),
  });
  const { facts, project, contents } = examination;
  const text = json
    ? JSON.stringify({
        file: location,
        ...facts,
        cameras: contents.cameras,
        incomplete: facts.incomplete || contents.incomplete,
        dependencies: project.dependencies.map(dependencyJson),
        findings,
      })
    : [
        describeFacts(location, facts, contents.cameras),
        ...describeDependencies(project.dependencies),
        ...findings.map(describeFinding),
      ].join('\n');
  process.stdout.write(`${json ? text : printable(text)}\n`);
  return 0;
}

function describeFacts(
  file: string,
  { blenderVersion, blenderSubversion, compression, scenes, activeScene, incomplete }: BlendFacts,
  cameras: readonly SceneCameras[],
): string {
  const packed = compression === 'none' ? 'uncompressed' : `compressed with ${compression}`;
  const subversion = blenderSubversion === undefined ? '' : ` (subversion ${blenderSubversion})`;
  const part = incomplete ? '; too large to be read whole: what stands here is not all of it' : '';
  const head = `${file}: saved by Blender ${blenderVersion.text}${subversion}, ${packed}${part}`;
  return [head, ...scenes.flatMap((scene) => describeScene(scene, scene.name === activeScene, cameras))].join(
    '\n',
  );
}

function describeScene(scene: SceneFacts, active: boolean, cameras: readonly SceneCameras[]): string[] {
  const names = cameras.find((one) => one.scene === scene.name)?.names ?? [];
  const { width, height } = frameResolution(scene);
  const { frameStart: start, frameEnd: end, frameStep: step } = scene;
  const rate = frameRateOf(scene.fps, scene.fpsBase);
  const range =
    step >= 1 && start <= end ? formatFrameRanges([{ start, end, step }]) : `${start}-${end}x${step}`;
  const facts = {
    frames: range,
    'frame rate': rate ? formatFrameRate(rate) : `${scene.fps} with base ${scene.fpsBase}`,
    resolution: `${width}×${height} (${scene.width}×${scene.height} at ${scene.resolutionPercent} %)`,
    engine: scene.engine,
    format: scene.outputFormat,
    output: scene.outputPath,
    camera: describeCamera(scene),
    cameras: names.length === 0 ? 'none' : names.join(', '),
    'view layers': scene.viewLayers.join(', '),
    'sound strips': scene.hasSoundStrips ? 'yes' : 'no',
    compositor: scene.usesCompositor ? 'yes' : 'no',
  };
  const lines = Object.entries(facts).map(([name, value]) => `  ${name.padEnd(13)}${printableName(value)}`);
  return [`scene "${printableName(scene.name)}"${active ? ' (active)' : ''}`, ...lines];
}

function describeCamera({ hasCamera, markerCameras, usesSequencer }: SceneFacts): string {
  if (markerCameras) return 'switched by markers';
  if (hasCamera) return 'yes';
  return usesSequencer ? 'none (the sequencer renders)' : 'none';
}
