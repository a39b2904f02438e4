import { readBlendFacts, type BlendFacts, type SceneFacts } from '../../core/blend/scene-facts';
import { formatFrameRate, frameRateOf } from '../../core/render/frame-rate';
import { formatFrameRanges } from '../../core/render/frame-range';
import { frameResolution } from '../../core/render/resolution';
import { formatLocation, parseLocation } from '../../core/storage/location';
import { openStorage } from '../../core/storage/open-storage';
import { printable } from '../printable';

export interface InspectFlags {
  readonly json?: boolean;
}

/** `spotreel inspect FILE`: what the scene reader finds in the file. */
export async function inspectCommand(file: string, { json }: InspectFlags): Promise<number> {
  const url = parseLocation(file, process.cwd());
  const source = await openStorage().open(url);
  try {
    const facts = await readBlendFacts(source);
    const text = json
      ? JSON.stringify({ file: formatLocation(url), ...facts })
      : describeFacts(formatLocation(url), facts);
    process.stdout.write(`${json ? text : printable(text)}\n`);
    return 0;
  } finally {
    await source.close();
  }
}

function describeFacts(
  file: string,
  { blenderVersion, compression, scenes, activeScene }: BlendFacts,
): string {
  const packed = compression === 'none' ? 'uncompressed' : `compressed with ${compression}`;
  const head = `${file}: saved by Blender ${blenderVersion.text}, ${packed}`;
  return [head, ...scenes.flatMap((scene) => describeScene(scene, scene.name === activeScene))].join('\n');
}

function describeScene(scene: SceneFacts, active: boolean): string[] {
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
  };
  const lines = Object.entries(facts).map(([name, value]) => `  ${name.padEnd(11)}${value}`);
  return [`scene "${scene.name}"${active ? ' (active)' : ''}`, ...lines];
}

function describeCamera({ hasCamera, markerCameras, usesSequencer }: SceneFacts): string {
  if (markerCameras) return 'switched by markers';
  if (hasCamera) return 'yes';
  return usesSequencer ? 'none (the sequencer renders)' : 'none';
}
