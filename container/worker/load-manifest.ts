import { SpotreelError } from '../../core/errors';
import type { RenderCommand } from '../../core/jobs/worker';
import type { Manifest } from '../../core/render/manifest';
import type { Render } from '../../core/render/render';
import { planRender } from '../../core/scene/plan';
import { preflight, refuseErrors } from '../../core/scene/preflight';
import { examineScene } from '../../core/scene/project/examine';
import { formatLocation, parseLocation, StorageError } from '../../core/storage/storage';

/**
 * The plan of a `render` command: the one that was submitted, else (a job submitted by hand) one made here from the
 * `.blend` itself. Throws `bad-usage` where the plan and the command's own figures differ.
 */
export async function manifestForRender(
  command: RenderCommand,
  render: Render,
  now: Date,
): Promise<Manifest> {
  const manifest = (await render.manifest.read()) ?? (await planByHand(command, render, now));
  checkFigure('-t', command.totalFrames, manifest.frameCount, 'frames');
  checkFigure(
    '-f',
    Math.min(command.framesPerSlice, manifest.frameCount),
    manifest.framesPerSlice,
    'frames a slice',
  );
  return manifest;
}

async function planByHand(
  { input, framesPerSlice }: RenderCommand,
  render: Render,
  now: Date,
): Promise<Manifest> {
  const { storage } = render;
  const url = parseLocation(input, process.cwd());
  const head = await storage.head(url);
  if (!head) throw new StorageError('not-found', url, `there is no scene at ${input}; check -i`);
  const examination = await examineScene(url, head.etag, storage);
  const options = { framesPerSlice };
  const file = formatLocation(url);
  const place = url.protocol === 'file:' ? 'here' : 'farm';
  const checked = preflight(examination, {
    file,
    options,
    place,
    hasDisplay: false,
    hasOwnColors: Boolean(process.env.OCIO),
  });
  refuseErrors(checked, file);
  const manifest = planRender({
    renderId: render.renderId || 'render',
    source: { url: file, etag: head.etag, size: head.size },
    facts: examination.facts,
    options,
    parallel: 1,
    now,
    checked,
  });
  // All children make the same plan. The first one is kept, and the stitch job reads it.
  return render.manifest.create(manifest);
}

function checkFigure(flag: string, given: number, planned: number, unit: string): void {
  if (given === planned) return;
  throw new SpotreelError(
    'bad-usage',
    'usage',
    `${flag} says ${given} ${unit}, the render's plan ${planned}`,
  );
}
